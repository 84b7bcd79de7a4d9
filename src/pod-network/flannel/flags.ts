/*
 * Command-line options as flanneld takes them (main.go): one dash or two, `--name value` or `--name=value`, booleans bare or
 * `=true`; each also as FLANNELD_… in the environment, where the command line does not say it.
 */

type Kind = 'text' | 'boolean' | 'number' | 'list'

const FLAGS = {
  'etcd-endpoints': 'text',
  'etcd-prefix': 'text',
  'etcd-keyfile': 'text',
  'etcd-certfile': 'text',
  'etcd-cafile': 'text',
  'etcd-username': 'text',
  'etcd-password': 'text',
  iface: 'list',
  'iface-regex': 'list',
  'iface-can-reach': 'text',
  'public-ip': 'text',
  'public-ipv6': 'text',
  'subnet-file': 'text',
  'subnet-lease-renew-margin': 'number',
  'ip-masq': 'boolean',
  'ip-masq-fully-random-disable': 'boolean',
  'iptables-forward-rules': 'boolean',
  'kube-subnet-mgr': 'boolean',
  'kube-annotation-prefix': 'text',
  'kubeconfig-file': 'text',
  'kube-api-url': 'text',
  'ip-blackhole-route': 'boolean',
  'net-config-path': 'text',
  'healthz-ip': 'text',
  'healthz-port': 'number',
  'set-node-network-unavailable': 'boolean',
  // Not flanneld's: a kubeconfig asks for leases by the API, as in all of our programs; who this node is.
  kubeconfig: 'text',
  'node-name': 'text',
} as const satisfies Readonly<Record<string, Kind>>

/** Taken and without effect: here rules are looked at every second, and nothing is logged by level. */
const WITHOUT_EFFECT: Readonly<Record<string, Kind>> = {
  'iptables-resync': 'number',
  v: 'number',
  vmodule: 'text',
}

type ValueOf<K extends Kind> = K extends 'text'
  ? string
  : K extends 'boolean'
    ? boolean
    : K extends 'number'
      ? number
      : readonly string[]

export type FlannelFlags = { readonly [N in keyof typeof FLAGS]?: ValueOf<(typeof FLAGS)[N]> }

/** @throws TypeError that names the option at fault */
export function parseFlags(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): FlannelFlags {
  const kinds: Readonly<Record<string, Kind>> = { ...FLAGS, ...WITHOUT_EFFECT }
  const found = new Map<string, string[]>()
  const words = [...argv]
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [, name = '', given] = /^--?([a-z][\w-]*)(?:=(.*))?$/s.exec(word) ?? []
    if (!Object.hasOwn(kinds, name))
      throw new TypeError(`Cannot use ${JSON.stringify(word)}: there is no such option`)
    const value = given ?? (kinds[name] === 'boolean' ? 'true' : words.shift())
    if (value === undefined) throw new TypeError(`Cannot use --${name}: it has no value`)
    found.set(name, [...(found.get(name) ?? []), value])
  }
  for (const name of Object.keys(kinds)) {
    const value = env[`FLANNELD_${name.toUpperCase().replaceAll('-', '_')}`]
    if (value && !found.has(name)) found.set(name, [value])
  }
  const flags: Record<string, unknown> = {}
  for (const [name, values] of found) {
    if (Object.hasOwn(FLAGS, name)) flags[name] = convert(name, kinds[name]!, values)
  }
  return flags as FlannelFlags
}

function convert(name: string, kind: Kind, values: readonly string[]): unknown {
  const value = values.at(-1)!
  switch (kind) {
    case 'text':
      return value
    case 'list':
      return values
    case 'number':
      if (/^\d{1,9}$/.test(value)) return Number(value)
      throw new TypeError(`Cannot use --${name} ${JSON.stringify(value)}: it is no number`)
    case 'boolean':
      // strconv.ParseBool
      if (/^(1|t|T|TRUE|true|True)$/.test(value)) return true
      if (/^(0|f|F|FALSE|false|False)$/.test(value)) return false
      throw new TypeError(`Cannot use --${name}=${value}: it is neither true nor false`)
  }
}
