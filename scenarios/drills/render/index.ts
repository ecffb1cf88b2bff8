/** How a drill is shown: reports as Markdown, JSON and a page, and what the terminal says. */
export { htmlOf } from './html.ts'
export { jsonOf } from './json.ts'
export { markdownOf } from './markdown.ts'
export { openProgress } from './progress.ts'
export { verdictText } from './verdict.ts'
