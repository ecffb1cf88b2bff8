/** Aligned text: names to the left, numbers to the right. */
export type Cell = string | number

export const table = (heads: readonly string[], rows: readonly (readonly Cell[])[]): string => {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => String(row[column] ?? '').length)),
  )
  const isNumeric = heads.map((_, column) => typeof rows[0]?.[column] === 'number')
  const lineOf = (cells: readonly Cell[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return isNumeric[column] ? String(cell).padStart(width) : String(cell).padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return `${[heads, ...rows].map(lineOf).join('\n')}\n`
}
