import type { Lab } from './lab.ts'

/** What a row's requests brought. `how` is evidence read from the run: an address, a rule, a counter. */
export interface Outcome {
  /** Whether it went as Kubernetes promises; a refusal can be that too. */
  readonly asPromised: boolean
  readonly answered: string
  readonly how: string
  readonly milliseconds: number
}

export interface Row {
  readonly layer: '1 node' | '2 pod' | '3 service' | '4 external'
  readonly request: string
  ask(lab: Lab): Promise<Outcome>
}

/** The sample application's answer (fairlead.dev/echo). */
export interface EchoAnswer {
  readonly pod: string
  readonly node: string
  readonly podIP: string
  readonly client: string
}

export function parseEcho(body: string): EchoAnswer | undefined {
  try {
    const { pod, node, podIP, client } = JSON.parse(body) as Partial<EchoAnswer>
    return pod !== undefined && node !== undefined && podIP !== undefined && client !== undefined
      ? { pod, node, podIP, client }
      : undefined
  } catch {
    return undefined
  }
}

/** `172.30.0.12:41234` or `[fd00:172:30::12]:41234` without its port. */
export function hostOf(client: string): string {
  return client.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}

/** An address as URLs have it. */
export function inURL(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

/** `172.30.0.12:80` or `[fd00:172:30::12]:80`. */
export function endpointOf(address: string | undefined, port: number | string | undefined): string {
  return `${inURL(address ?? '')}:${port}`
}
