/** A graph over time, by uPlot, in the colours of the page. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type uPlot from 'uplot'
import { clockText } from '../state/words.ts'
import { useWidth } from './use-width.ts'

export interface Curve {
  label: string
  /** Name of a custom property of the style. */
  colour: string
  scale: 'share' | 'ms' | 'rate'
  value: (value: number | null) => string
  fill?: boolean
}

export interface GraphProps {
  /** Seconds, then one list a curve. */
  data: readonly (readonly (number | null)[])[]
  curves: readonly Curve[]
  height: number
  /** Instants are shown as minutes and seconds since the beginning, not as clock time. */
  isRelative?: boolean
  /** Vertical lines, in seconds. */
  marks?: readonly number[]
  /** The playing position, in seconds. */
  cursor?: number
}

/** As a canvas takes it: a custom property may hold what only a style can resolve. */
const colourOf = (element: HTMLElement, name: string): string => {
  const probe = document.createElement('i')
  probe.style.color = `var(${name})`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

const clock = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`

type Plots = typeof uPlot

/** Loaded with the first graph, not with the page. */
const usePlots = (): Plots | undefined => {
  const [plots, setPlots] = useState<Plots>()
  useEffect(() => {
    let isWanted = true
    import('uplot').then(
      ({ default: loaded }) => {
        if (isWanted) setPlots(() => loaded)
      },
      () => {},
    )
    return () => {
      isWanted = false
    }
  }, [])
  return plots
}

export const Graph = (props: GraphProps) => {
  const [ref, width, box] = useWidth()
  const [turn, setTurn] = useState(0)
  const Plots = usePlots()
  const plot = useRef<uPlot | null>(null)
  const now = useRef(props)
  now.current = props
  useLayoutEffect(() => {
    if (width === 0 || box === null || Plots === undefined) return
    const data = now.current.data as uPlot.AlignedData
    const made = new Plots(optionsOf(now, box, width), data, box)
    plot.current = made
    // Colours are painted, so a change of theme has to paint again.
    const repaint = (): void => setTurn((last) => last + 1)
    document.addEventListener('finbus-theme', repaint)
    return () => {
      document.removeEventListener('finbus-theme', repaint)
      made.destroy()
      plot.current = null
    }
  }, [box, width, Plots, turn, props.curves, props.height])
  useLayoutEffect(() => {
    plot.current?.setData(props.data as uPlot.AlignedData)
  }, [props.data])
  useLayoutEffect(() => {
    plot.current?.redraw(false)
  }, [props.cursor])
  return <div class="graph" ref={ref} style={{ minHeight: `${props.height}px` }} />
}

const optionsOf = (
  now: { current: GraphProps },
  box: HTMLElement,
  width: number,
): uPlot.Options => {
  const { curves, height, isRelative = false } = now.current
  const ink = colourOf(box, '--soft')
  const grid = { stroke: colourOf(box, '--grid'), width: 1 }
  const base = { stroke: ink, grid, ticks: { show: false }, font: '11px system-ui' }
  const scales = [...new Set(curves.map(({ scale }) => scale))]
  return {
    ...{ width, height, pxAlign: 1 },
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    legend: { live: true },
    scales: {
      x: { time: !isRelative },
      share: { range: [0, 1] },
      ms: { range: (_, __, most) => [0, (most ?? 1) * 1.1 || 1] },
      rate: { range: (_, __, most) => [0, (most ?? 1) * 1.1 || 1] },
    },
    axes: [
      { ...base, size: 28, values: (_, at) => at.map((one) => timeText(one, isRelative)) },
      ...scales.map((scale, i): uPlot.Axis => {
        const { value } = curves.find((curve) => curve.scale === scale)!
        const side = i === 0 ? { side: 3 as const } : { side: 1 as const, grid: { show: false } }
        return {
          ...base,
          ...side,
          scale,
          size: 64,
          values: (_, at) => at.map((one) => (one === 0 ? '0' : value(one))),
        }
      }),
    ],
    series: [
      { label: 'at', value: (_, at) => (at === null ? '' : timeText(at, isRelative)) },
      ...curves.map(({ label, colour, scale, value, fill }): uPlot.Series => {
        const stroke = colourOf(box, colour)
        return {
          ...{ label, scale, stroke, width: 1.5, points: { show: false } },
          ...(fill === true ? { fill: stroke.replace(/^rgb\((.*)\)$/, 'rgba($1, .15)') } : {}),
          value: (_, at) => (at == null ? '–' : value(at)),
        }
      }),
    ],
    hooks: {
      draw: [
        (plot) => {
          for (const mark of now.current.marks ?? []) {
            upright(plot, mark, colourOf(box, '--fault'), [3, 3])
          }
          const { cursor } = now.current
          if (cursor !== undefined) upright(plot, cursor, colourOf(box, '--ink'), [])
        },
      ],
    },
  }
}

const timeText = (at: number, isRelative: boolean): string =>
  isRelative ? clock(at) : clockText(at * 1_000)

const upright = (plot: uPlot, at: number, colour: string, dash: number[]): void => {
  const x = Math.round(plot.valToPos(at, 'x', true))
  const { left, top, width, height } = plot.bbox
  if (x < left || x > left + width) return
  const { ctx } = plot
  ctx.save()
  ctx.strokeStyle = colour
  ctx.lineWidth = devicePixelRatio
  ctx.setLineDash(dash)
  ctx.beginPath()
  ctx.moveTo(x, top)
  ctx.lineTo(x, top + height)
  ctx.stroke()
  ctx.restore()
}
