/** The width of an element, as it changes; 0 until it is there. */
import { useLayoutEffect, useState } from 'preact/hooks'

export const useWidth = (): [
  ref: (element: HTMLDivElement | null) => void,
  width: number,
  element: HTMLDivElement | null,
] => {
  const [element, setElement] = useState<HTMLDivElement | null>(null)
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    if (element === null) return
    const measure = (): void => setWidth(element.clientWidth)
    measure()
    const sizes = new ResizeObserver(measure)
    sizes.observe(element)
    return () => sizes.disconnect()
  }, [element])
  return [setElement, width, element]
}
