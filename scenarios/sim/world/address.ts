/** Where processes of the virtual world are reached, as production writes it. */
const BROKER_PORT = 7400
const REGISTRY_PORT = 7470

export const brokerUrl = (name: string): string => `ws://${name}:${BROKER_PORT}`
export const registryUrl = (name: string): string => `http://${name}:${REGISTRY_PORT}`

/** The host in an address; clients that are given brokers by name use the name alone. */
export const hostOf = (address: string): string => /^\w+:\/\/([^:/]+)/.exec(address)?.[1] ?? address
