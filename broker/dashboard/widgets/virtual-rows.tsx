/** Rows of one height, of which only those near the eye are in the page. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

/** Above and below what can be seen, so that a flick of the wheel shows no void. */
const SPARE_ROWS = 6
const FIRST_ROWS = 30

export const VirtualRows = ({
  count,
  rowHeight,
  children,
}: {
  count: number
  rowHeight: number
  children: (row: number) => ComponentChildren
}) => {
  const box = useRef<HTMLDivElement>(null)
  const [range, setRange] = useState({ from: 0, to: FIRST_ROWS })
  useLayoutEffect(() => {
    const scroller = box.current?.closest('.scroller')
    if (scroller === null || scroller === undefined) return
    const look = (): void => {
      if (box.current === null) return
      const above = scroller.getBoundingClientRect().top - box.current.getBoundingClientRect().top
      const first = Math.floor(above / rowHeight)
      const seen = Math.ceil(scroller.clientHeight / rowHeight)
      const from = Math.max(0, first - SPARE_ROWS)
      const to = Math.max(from, first + seen + SPARE_ROWS)
      setRange((known) => (known.from === from && known.to === to ? known : { from, to }))
    }
    look()
    scroller.addEventListener('scroll', look, { passive: true })
    const sizes = new ResizeObserver(look)
    sizes.observe(scroller)
    return () => {
      scroller.removeEventListener('scroll', look)
      sizes.disconnect()
    }
  }, [rowHeight, count])
  const to = Math.min(count, range.to)
  const rows: ComponentChildren[] = []
  for (let row = Math.min(range.from, to); row < to; row++) {
    rows.push(
      <div
        key={row}
        class="virtual-row"
        style={{ height: `${rowHeight}px`, transform: `translateY(${row * rowHeight}px)` }}
      >
        {children(row)}
      </div>,
    )
  }
  return (
    <div class="virtual" ref={box} style={{ height: `${count * rowHeight}px` }}>
      {rows}
    </div>
  )
}
