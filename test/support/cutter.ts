export { Cutter } from '../../scenarios/bench/survival/cutter.ts'
