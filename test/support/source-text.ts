/** TypeScript sources as text: the code alone, and what it imports. */

export interface File {
  path: string
  text: string
}

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y
const STRING = /'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"/y
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y
/** From a backtick, or the brace that ends a `${}`, to the next of either. */
const TEMPLATE = /[`}](?:\\[\s\S]|\$(?!\{)|[^\\`$])*(?:`|\$\{)/y
/** A slash after one of these starts a regular expression; after anything else it divides. */
const BEFORE_REGEX = /(?:^|[-(,=:[!&|?{};+*%<>~^]|\b(?:return|typeof|case|in|of))\s*$/

const match = (what: RegExp, text: string, at: number): string | undefined => {
  what.lastIndex = at
  return what.exec(text)?.[0]
}
const blank = (text: string): string => text.replace(/[^\n]/g, ' ')
const blankInside = (text: string): string => text[0] + blank(text.slice(1, -1)) + text.at(-1)

/** The code alone: comments and what strings hold become blanks, all else stays where it is. */
export const codeOf = (text: string): string => {
  let out = ''
  const braces: number[] = []
  while (out.length < text.length) {
    const at = out.length
    const c = text[at]!
    if (c === '/') {
      const isRegex = BEFORE_REGEX.test(out.slice(-30))
      const found = match(COMMENT, text, at) ?? (isRegex ? match(REGEX, text, at) : undefined)
      out += found === undefined ? c : blank(found)
    } else if (c === "'" || c === '"') out += blankInside(match(STRING, text, at) ?? c)
    else if (c === '`' || (c === '}' && braces.at(-1) === 0)) {
      const found = match(TEMPLATE, text, at) ?? c
      if (c === '}') braces.pop()
      if (found.endsWith('{')) braces.push(0)
      out += blank(found)
    } else {
      if (braces.length > 0 && c === '{') braces[braces.length - 1]! += 1
      if (braces.length > 0 && c === '}') braces[braces.length - 1]! -= 1
      out += c
    }
  }
  return out
}

const IMPORT = /(?<![.\w$])(?:from\s*|import\s*\(?\s*)(['"])( *)\1/g

/** What a file imports or exports from, types included, as written. */
export const importsOf = (file: File): string[] =>
  [...codeOf(file.text).matchAll(IMPORT)].map((found) => {
    const end = found.index + found[0].length - 1
    return file.text.slice(end - found[2]!.length, end)
  })
