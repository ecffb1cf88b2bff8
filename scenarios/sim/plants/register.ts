/** Loaded before anything else in a process that runs with a planted bug: FINBUS_PLANT names it. */
import { register } from 'node:module'
import { PLANTS } from './index.ts'

const name = process.env.FINBUS_PLANT
const data = PLANTS.find((plant) => plant.name === name)
if (data === undefined) throw new Error(`no planted bug is called ${name}`)
register('./hooks.js', import.meta.url, { data })
