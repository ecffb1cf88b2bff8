/** One process of a drill: `role.js PART`. It loads what its part needs, and nothing else. */
import { type PartMaker, serve } from './serve.ts'

const find = async (part: string): Promise<PartMaker | undefined> => {
  switch (part) {
    case 'broker':
      return (await import('./server-parts.ts')).brokerPart
    case 'registry':
      return (await import('./server-parts.ts')).registryPart
    case 'responder':
      return (await import('./responder-part.ts')).responderPart
    case 'requester':
      return (await import('./caller-parts.ts')).requesterPart
    case 'bystanders':
      return (await import('./caller-parts.ts')).bystandersPart
    case 'network':
      return (await import('./network-part.ts')).networkPart
    default:
      return undefined
  }
}

await serve(find)
