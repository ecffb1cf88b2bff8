import { Counter, Gauge, type Registry } from 'prom-client'

/** Makes metrics of one registry, named as all of finbus are. */
export const metricMakers = (registry: Registry) => {
  const registers = [registry]
  return {
    gauge: <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
      new Gauge({ name: `finbus_${name}`, help, labelNames, registers }),
    counter: <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
      new Counter({ name: `finbus_${name}_total`, help, labelNames, registers }),
  }
}
