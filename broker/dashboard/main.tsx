/** The page's beginning. */
import { render } from 'preact'
import { App } from './app.tsx'
import { feed } from './feed.ts'
import { followHash, followKeys } from './keys.ts'
import { followTheme } from './theme.ts'
import 'uplot/dist/uPlot.min.css'
import './style/colours.css'
import './style/base.css'
import './style/frame.css'
import './style/controls.css'
import './style/wall.css'
import './style/map.css'
import './style/tables.css'
import './style/timeline.css'
import './style/graph.css'
import './style/dialogs.css'

followTheme()
followHash()
followKeys()
render(<App />, document.getElementById('page')!)
feed.start()
