import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { formatCIDR, networkOf, parseInterfaceAddress } from '#ip/cidr.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { parseAssignments, renderDockerOpts } from '#pod-network/flannel/docker-opts.ts'
import { parseFlags } from '../arguments.ts'
import { UsageError } from '../usage-error.ts'

const flags = {
  file: { type: 'string', short: 'f', default: '/run/flannel/subnet.env' },
  'docker-env': { type: 'string', short: 'd' },
  individual: { type: 'boolean', short: 'i', default: false },
  combined: { type: 'boolean', short: 'c', default: false },
  key: { type: 'string', short: 'k', default: 'DOCKER_OPTS' },
  'no-ip-masq': { type: 'boolean', short: 'm', default: false },
} as const

/** `docker-opts`, or the daemon. */
export async function run(args: readonly string[]): Promise<number> {
  const [what, ...rest] = args
  if (what === 'docker-opts') return dockerOpts(rest)
  return (await import('#daemons/pod-network.ts')).main(args)
}

/** flannel's mk-docker-opts.sh, with its flags; without -d the options are printed. */
function dockerOpts(args: readonly string[]): number {
  const { values } = parseFlags('pod-network docker-opts', args, flags)
  const { key, individual, combined } = values
  if (!/^[A-Za-z_]\w*$/.test(key)) {
    throw new UsageError(`Cannot use -k ${key}: it is no name of a variable`)
  }
  const isEither = individual || combined
  const settings = {
    key,
    individual: individual || !isEither,
    combined: combined || !isEither,
    ipMasq: !values['no-ip-masq'],
  }
  const text = existsSync(values.file) ? readFileSync(values.file, 'utf8') : ''
  const options = renderDockerOpts(text, settings, process.env)
  const target = values['docker-env']
  if (target === undefined) process.stdout.write(options)
  else write(target, options)
  const route = findRouteElsewhere(parseAssignments(text).FLANNEL_SUBNET)
  if (route === undefined) return 0
  process.stderr.write(`Your routing table already contains the subnet: ${route}\n`)
  return 1
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code
    throw new Error(`Cannot write ${path}: ${why} (-d names a file for Docker's options)`, {
      cause,
    })
  }
}

/** Docker would make a bridge with an address of that subnet, and packets would still go there. */
function findRouteElsewhere(subnet: string | undefined): string | undefined {
  const address = parseInterfaceAddress(subnet ?? '')
  if (!address) return undefined
  const wanted = formatCIDR(networkOf(address))
  using rtnetlink = openRtnetlink()
  const route = rtnetlink
    .routes()
    .find(
      ({ destination, gateway }) => gateway && destination && formatCIDR(destination) === wanted,
    )
  return route && `${wanted} via ${route.gateway} dev ${route.device}`
}
