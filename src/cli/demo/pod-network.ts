import type { Pod } from '#api/core.ts'
import type { Lab } from './lab.ts'
import { rttOf, ttlOf } from './node-network.ts'
import { endpointOf, hostOf, inURL, type Outcome, parseEcho, type Row } from './row.ts'

/** The udp backend's device. */
const RELAY = 'flannel0'
const CLIENT = { kind: 'pod', namespace: 'default', name: 'client' } as const

export const podNetworkRows: readonly Row[] = [
  {
    layer: '2 pod',
    request: 'pod → pod on the same node',
    ask: (lab) => podToPod(lab, (client, pod) => client === pod, 1),
  },
  {
    layer: '2 pod',
    request: 'pod → pod on another node',
    ask: (lab) => podToPod(lab, (client, pod) => client !== pod, 2),
  },
  {
    layer: '2 pod',
    request: 'container → container of one pod, localhost:8080',
    ask: sharedLocalhost,
  },
  { layer: '2 pod', request: "pod → another node's own address (ping)", ask: podToNode },
  { layer: '2 pod', request: 'node → pod on another node', ask: nodeToPod },
  { layer: '2 pod', request: "outside → node's hostPort 8088", ask: hostPort },
]

async function podToPod(
  lab: Lab,
  choose: (clientNode: string, podNode: string) => boolean,
  wantedHops: number,
): Promise<Outcome> {
  const client = await lab.pod('client')
  const server = (await lab.pods({ name: 'app1' })).find((pod) =>
    choose(nodeOf(client), nodeOf(pod)),
  )
  if (!server)
    return { asPromised: false, answered: 'nobody', how: 'no such pair of pods', milliseconds: 0 }
  const address = server.status!.podIP!
  const before = await tunnelOf(lab, nodeOf(client))
  const { body, milliseconds } = await lab.http(CLIENT, `http://${inURL(address)}:8080/`)
  const { device, packets } = await tunnelOf(lab, nodeOf(client))
  const sent = packets - before.packets
  const { stdout } = await lab.run(CLIENT, ['ping', '-c1', '-W10', address])
  const echo = parseEcho(body)
  const seen = echo && hostOf(echo.client)
  const hops = 64 - (ttlOf(stdout) ?? 64)
  const isOwn = seen === client.status!.podIP
  // A relay in a program counts as a hop, on both nodes; and a cloud's router on the way.
  const relays = sent > 0 && device === RELAY ? 2 : 0
  const routers = lab.options.backend === 'cloud' && wantedHops > 1 ? 1 : 0
  return {
    asPromised:
      echo?.pod === server.metadata.name && isOwn && hops === wantedHops + relays + routers,
    answered: echo ? `${echo.pod} on ${echo.node}` : 'nobody',
    how: `server saw ${seen}${isOwn ? ", the pod's own address" : ''}; ${hops} hop${hops === 1 ? '' : 's'}${sent > 0 ? `, ${sent} packets through ${device}` : ''}`,
    milliseconds,
  }
}

async function sharedLocalhost(lab: Lab): Promise<Outcome> {
  const { body, milliseconds } = await lab.http(CLIENT, 'http://127.0.0.1:8080/')
  const echo = parseEcho(body)
  return {
    asPromised: echo?.pod === 'client',
    answered: echo ? `container echo of pod ${echo.pod}` : 'nobody',
    how: `server saw ${echo && hostOf(echo.client)}: the containers share one network namespace`,
    milliseconds,
  }
}

async function podToNode(lab: Lab): Promise<Outcome> {
  const client = await lab.pod('client')
  const other = lab.plan.nodes.find(({ name }) => name !== nodeOf(client))!
  const { stdout, status, milliseconds } = await lab.run(CLIENT, ['ping', '-c1', '-W10', other.ip])
  const { stdout: entries } = await lab.run({ kind: 'node', name: other.name }, [
    'conntrack',
    '-L',
    ...(other.ip.includes(':') ? ['-f', 'ipv6', '-p', 'icmpv6'] : ['-p', 'icmp']),
    '--orig-src',
    client.status!.podIP!,
  ])
  const seen = /\bsrc=(\S+)/.exec(entries)?.[1]
  return {
    asPromised: status === 0 && seen === client.status!.podIP,
    answered: status === 0 ? `${other.name} (${other.ip})` : 'nobody',
    how: seen
      ? `${other.name} saw ${seen}, the pod's own address: no NAT`
      : `${other.name} did not see the pod's own address`,
    milliseconds: rttOf(stdout) ?? milliseconds,
  }
}

async function nodeToPod(lab: Lab): Promise<Outcome> {
  const server = (await lab.pods({ name: 'app1' })).find((pod) => nodeOf(pod) !== 'node1')
  const { body, milliseconds } = await lab.http(
    { kind: 'node', name: 'node1' },
    `http://${inURL(server?.status?.podIP ?? '')}:8080/`,
  )
  const echo = parseEcho(body)
  return {
    asPromised: echo !== undefined && echo.pod === server?.metadata.name,
    answered: echo ? `${echo.pod} on ${echo.node}` : 'nobody',
    how: `from node1, server saw ${echo && hostOf(echo.client)}`,
    milliseconds,
  }
}

async function hostPort(lab: Lab): Promise<Outcome> {
  const client = await lab.pod('client')
  const address = client.status?.hostIP ?? ''
  const { body, milliseconds, localPort, error } = await lab.http(
    { kind: 'outside' },
    `http://${inURL(address)}:8088/`,
  )
  const translated = await lab.translation(nodeOf(client), {
    address,
    port: 8088,
    clientPort: localPort,
  })
  const echo = parseEcho(body)
  return {
    asPromised:
      echo?.pod === 'client' && translated?.endpoint === endpointOf(client.status?.podIP, 8080),
    answered: echo ? `${echo.pod} on ${echo.node}` : (error ?? 'nobody'),
    how: translated ? `${translated.asked} → ${translated.endpoint} (portmap)` : 'not translated',
    milliseconds,
  }
}

/** The device that packets leave for other nodes by, if the backend has one. */
async function tunnelOf(
  lab: Lab,
  node: string,
): Promise<{ readonly device: string; readonly packets: number }> {
  const { stdout } = await lab.run({ kind: 'node', name: node }, ['ip', '-j', '-s', 'link', 'show'])
  const links = JSON.parse(stdout) as {
    ifname: string
    stats64: { tx: { packets: number } }
  }[]
  const tunnel = links.find(({ ifname }) => ifname.startsWith('flannel'))
  return { device: tunnel?.ifname ?? 'no tunnel', packets: tunnel?.stats64.tx.packets ?? 0 }
}

function nodeOf(pod: Pod): string {
  return pod.spec.nodeName ?? ''
}
