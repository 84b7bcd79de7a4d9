import * as resources from '#api/resources.ts'
import type { AddressPlan } from '#cluster/address-plan.ts'
import type { Lab } from './lab.ts'
import { hostOf, inURL, type Outcome, parseEcho, type Row } from './row.ts'

const OUTSIDE = { kind: 'outside' } as const

export function externalAccessRows(nodes: AddressPlan['nodes']): readonly Row[] {
  return [
    ...nodes.map(
      ({ name, ip }): Row => ({
        layer: '4 external',
        request: `outside → ${name}, nodePort 30062`,
        ask: (lab) => nodePort(lab, name, ip),
      }),
    ),
    {
      layer: '4 external',
      request: 'outside → LoadBalancer address of app1-public',
      ask: loadBalancer,
    },
    {
      layer: '4 external',
      request: 'outside → Ingress, host app1.example.com',
      ask: (lab) => ingress(lab, 'app1.example.com', '/', 'app1-'),
    },
    {
      layer: '4 external',
      request: 'outside → Ingress, app1.example.com/shop',
      ask: (lab) => ingress(lab, 'app1.example.com', '/shop', 'web-'),
    },
    { layer: '4 external', request: 'outside → Ingress, host wrong.example.com', ask: wrongHost },
    {
      layer: '4 external',
      request: 'outside → ClusterIP of app1 (must fail)',
      ask: outsideToClusterIP,
    },
    {
      layer: '4 external',
      request: 'outside → web, which has no nodePort (must fail)',
      ask: (lab) => withoutNodePort(lab, nodes[0]!.ip),
    },
  ]
}

async function nodePort(lab: Lab, name: string, address: string): Promise<Outcome> {
  const { body, localPort, milliseconds, error } = await lab.http(
    OUTSIDE,
    `http://${inURL(address)}:30062/`,
  )
  const translated = await lab.translation(name, { address, port: 30062, clientPort: localPort })
  const echo = parseEcho(body)
  return {
    asPromised: echo?.pod.startsWith('app1-') === true && translated !== undefined,
    answered: echo ? `${echo.pod} on ${echo.node}` : (error ?? 'nobody'),
    how: translated
      ? `${translated.asked} → ${translated.endpoint}, source → ${translated.masqueradedAs ?? 'kept'}`
      : 'not translated',
    milliseconds,
  }
}

async function loadBalancer(lab: Lab): Promise<Outcome> {
  const address = await publicAddress(lab, 'app1-public', 'default')
  const { body, milliseconds, error } = await lab.http(OUTSIDE, `http://${inURL(address)}/`)
  const echo = parseEcho(body)
  const { stdout } = await lab.run(OUTSIDE, ['ip', '-j', 'neigh', 'show', 'to', address])
  const [neighbour] = JSON.parse(stdout || '[]') as readonly { readonly lladdr?: string }[]
  const node = await nodeWithMAC(lab, neighbour?.lladdr)
  return {
    asPromised: echo?.pod.startsWith('app1-') === true && node !== undefined,
    answered: echo ? `${echo.pod} on ${echo.node}` : (error ?? 'nobody'),
    how: node
      ? `${address} is answered by ${node} (${protocolOf(address)}: ${neighbour?.lladdr})`
      : `nobody answers ${protocolOf(address)} for ${address}`,
    milliseconds,
  }
}

async function ingress(lab: Lab, host: string, path: string, wanted: string): Promise<Outcome> {
  const address = await publicAddress(lab, 'ingress-nginx-controller', 'kube-system')
  const { body, milliseconds, error } = await lab.http(OUTSIDE, `http://${host}${path}`, [
    '--connect-to',
    `${host}:80:${inURL(address)}:80`,
  ])
  const echo = parseEcho(body)
  return {
    asPromised: echo?.pod.startsWith(wanted) === true,
    answered: echo ? `${echo.pod} on ${echo.node}` : (error ?? (body.split('\n')[0] || 'nobody')),
    how: echo
      ? `nginx at ${address} chose ${echo.podIP} by host and path; server saw ${hostOf(echo.client)}`
      : `asked nginx at ${address}`,
    milliseconds,
  }
}

async function wrongHost(lab: Lab): Promise<Outcome> {
  const host = 'wrong.example.com'
  const address = await publicAddress(lab, 'ingress-nginx-controller', 'kube-system')
  const { code, milliseconds, error } = await lab.http(OUTSIDE, `http://${host}/`, [
    '--connect-to',
    `${host}:80:${inURL(address)}:80`,
  ])
  return {
    asPromised: code === 404,
    answered: code === 0 ? (error ?? 'nobody') : `HTTP ${code}`,
    how: 'no Ingress rule has this host: the default backend',
    milliseconds,
  }
}

async function outsideToClusterIP(lab: Lab): Promise<Outcome> {
  const { clusterIP = '' } = (await lab.service('app1')).spec
  const {
    code,
    error = '',
    milliseconds,
  } = await lab.http(OUTSIDE, `http://${inURL(clusterIP)}:8080/`)
  const { stdout, stderr } = await lab.run(OUTSIDE, ['ip', 'route', 'get', clusterIP])
  return {
    asPromised: code === 0 && /unreachable/i.test(stderr),
    answered: code === 0 ? `nobody: ${error}` : `HTTP ${code}`,
    how: `ip route get: ${(stderr || stdout).trim()} (a ClusterIP means something on nodes and in pods only)`,
    milliseconds,
  }
}

async function withoutNodePort(lab: Lab, address: string): Promise<Outcome> {
  const { type, ports = [] } = (await lab.service('web')).spec
  const {
    code,
    error = '',
    milliseconds,
  } = await lab.http(OUTSIDE, `http://${inURL(address)}:${ports[0]?.port}/`)
  return {
    asPromised: code === 0 && ports.every(({ nodePort }) => nodePort === undefined),
    answered: code === 0 ? `nobody: ${error}` : `HTTP ${code}`,
    how: `type ${type}, no nodePort: no node listens or translates for it`,
    milliseconds,
  }
}

/** How neighbours are asked for the address. */
function protocolOf(address: string): string {
  return address.includes(':') ? 'NDP' : 'ARP'
}

async function publicAddress(lab: Lab, service: string, namespace: string): Promise<string> {
  const { status } = await lab.service(service, namespace)
  const address = status?.loadBalancer?.ingress?.[0]?.ip
  if (!address)
    throw new Error(`Cannot reach service ${namespace}/${service}: it has no address yet`)
  return address
}

async function nodeWithMAC(lab: Lab, mac: string | undefined): Promise<string | undefined> {
  if (mac === undefined) return
  const { items } = await lab.api.list(resources.nodes)
  for (const {
    metadata: { name },
  } of items) {
    const { stdout } = await lab.run({ kind: 'node', name }, [
      'ip',
      '-j',
      'link',
      'show',
      'dev',
      'eth0',
    ])
    const [link] = JSON.parse(stdout) as readonly { readonly address: string }[]
    if (link?.address === mac) return name
  }
  return
}
