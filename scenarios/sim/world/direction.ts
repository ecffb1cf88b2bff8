/** From a client to a broker or a registry, and back. */
export type Direction = 'up' | 'down'
export type Directions = Direction | 'both'
