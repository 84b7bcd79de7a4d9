import { resolve } from 'node:path'
import { parseFlags, wholeNumber } from '../arguments.ts'
import { UsageError } from '../usage-error.ts'

const options = {
  'bin-dir': { type: 'string' },
  'conf-dir': { type: 'string' },
  'pod-cidr': { type: 'string' },
  flannel: { type: 'boolean' },
  bridge: { type: 'string' },
  mtu: { type: 'string' },
  'data-dir': { type: 'string' },
  socket: { type: 'string' },
  force: { type: 'boolean' },
} as const

/** Podman's and the reference's own choice for a machine's containers. */
const DEFAULT_POD_CIDR = '10.88.0.0/16'

export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseFlags('cni', args, options, 1)
  if (positionals[0] !== 'install') {
    throw new UsageError('Cannot run `fairlead cni`: say what (install)')
  }
  const binDir = values['bin-dir']
  if (!binDir) throw new UsageError('Cannot run `fairlead cni install`: --bin-dir is missing')
  if (values.flannel && values['pod-cidr']) {
    throw new UsageError('Cannot use --pod-cidr with --flannel: the subnet comes from subnet.env')
  }
  const confDir = values['conf-dir']
  if (confDir === undefined) refuseOfConflist(values)
  const { installCNIPlugins } = await import('#daemons/cni-install.ts')
  const { confFile } = await installCNIPlugins({
    binDir: resolve(binDir),
    ...(confDir && { confDir: resolve(confDir) }),
    ...(!values.flannel && { podCIDRs: (values['pod-cidr'] ?? DEFAULT_POD_CIDR).split(',') }),
    mtuBytes: wholeNumber('--mtu', values.mtu) ?? 0,
    bridge: values.bridge ?? 'cni0',
    dataDir: resolve(values['data-dir'] ?? '/var/lib/cni/networks'),
    socketPath: resolve(values.socket ?? '/run/fairlead/cni.sock'),
    force: values.force ?? false,
  })
  console.error(`installed the CNI plugins in ${binDir}${confFile ? `, and ${confFile}` : ''}`)
  return 0
}

const OF_CONFLIST = ['pod-cidr', 'flannel', 'bridge', 'mtu', 'data-dir'] as const

/** @throws UsageError for what would be ignored */
function refuseOfConflist(values: Readonly<Record<string, unknown>>): void {
  const flag = OF_CONFLIST.find((each) => values[each] !== undefined)
  if (!flag) return
  throw new UsageError(
    `Cannot use --${flag} without --conf-dir: it is for the conflist, and none is written`,
  )
}
