import type { Lab } from './lab.ts'
import type { Outcome } from './row.ts'

const CLIENT = { kind: 'pod', namespace: 'default', name: 'client' } as const
const DIG = ['dig', '-u', '+noall', '+answer', '+stats'] as const

/** One name of app1, from a pod by its search list. */
export async function lookup(lab: Lab, name: string): Promise<Outcome> {
  const { clusterIP = '' } = (await lab.service('app1')).spec
  const { stdout } = await lab.run(CLIENT, [...DIG, '+search', recordOf(clusterIP), name])
  const [, owner, address] = /^(\S+)\s+\d+\s+IN\s+A{1,4}\s+(\S+)$/m.exec(stdout) ?? []
  return {
    asPromised: address !== undefined && address === clusterIP,
    answered: address ?? 'no address',
    how: owner ? `${owner} by ${/SERVER: ([^#(\s]+)/.exec(stdout)?.[1]}` : 'no record',
    milliseconds: queryTime(stdout),
  }
}

export async function headless(lab: Lab): Promise<Outcome> {
  const wanted = (await lab.pods({ name: 'app1' })).map(({ status }) => status?.podIP ?? '').sort()
  const { stdout } = await lab.run(CLIENT, [
    ...DIG,
    '+search',
    recordOf(wanted[0] ?? ''),
    'app1-headless',
  ])
  const found = [...stdout.matchAll(/\sIN\s+A{1,4}\s+(\S+)$/gm)]
    .map(([, address]) => address!)
    .sort()
  return {
    asPromised: found.length === 3 && found.join() === wanted.join(),
    answered: found.join(', ') || 'no address',
    how:
      found.join() === wanted.join()
        ? "the pods' own addresses, no virtual one"
        : `not the pods' addresses ${wanted.join(', ')}`,
    milliseconds: queryTime(stdout),
  }
}

export async function srv(lab: Lab): Promise<Outcome> {
  const { stdout } = await lab.run(CLIENT, [
    ...DIG,
    'SRV',
    '_http._tcp.app1-headless.default.svc.cluster.local.',
  ])
  const found = [...stdout.matchAll(/\sIN\s+SRV\s+(\d+) (\d+) (\d+) (\S+)$/gm)]
  return {
    asPromised: found.length === 3 && found.every(([, , , port]) => port === '8080'),
    answered: `${found.length} records`,
    how: found[0]
      ? `priority ${found[0][1]} weight ${found[0][2]} port ${found[0][3]} ${found[0][4]}, …`
      : 'no record',
    milliseconds: queryTime(stdout),
  }
}

/** The type of the records that hold such an address. */
function recordOf(address: string): string {
  return address.includes(':') ? 'AAAA' : 'A'
}

function queryTime(dig: string): number {
  return Number(/Query time: (\d+) usec/.exec(dig)?.[1] ?? 0) / 1000
}
