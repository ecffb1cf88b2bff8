/** The protocol's door: `import { Frame } from 'finbus/protocol'`, for tools and other clients. */
export * from './bytes.ts'
export * from './errors.ts'
export * from './frame.ts'
export * from './handshake.ts'
export * from './headers.ts'
export * from './names.ts'
export * from './suggest.ts'
export * from './topic-frames.ts'
