import type { LinkSettings, LinkSpec, Rtnetlink } from '../model.ts'

type Settings = Parameters<Rtnetlink['setLink']>[1]

/** `ip link add …`, with what can be said at birth; alias and the peer's state follow by {@link setLinkArgvs}. */
export function addLinkArgv(spec: LinkSpec): readonly string[] {
  const common = [...settingsArgv(spec), ...upArgv(spec)]
  const below = 'device' in spec && spec.kind !== 'vxlan' ? ['link', spec.device] : []
  const name = ['name', spec.name, ...common]
  return ['ip', 'link', 'add', ...below, ...name, 'type', spec.kind, ...kindArgv(spec)]
}

function kindArgv(spec: LinkSpec): readonly string[] {
  switch (spec.kind) {
    case 'bridge':
      return spec.vlanFiltering === undefined
        ? []
        : ['vlan_filtering', spec.vlanFiltering ? '1' : '0']
    case 'tun':
    case 'wireguard':
    case 'dummy':
    case 'ifb':
      return []
    case 'macvlan': {
      const { mode, broadcastQueueLength: length } = spec
      return ['mode', mode, ...(length === undefined ? [] : ['bcqueuelen', `${length}`])]
    }
    case 'ipvlan':
      return ['mode', spec.mode]
    case 'vlan':
      return ['id', `${spec.vlanID}`]
    case 'ipip':
      return ['local', spec.local]
    case 'vrf':
      return ['table', `${spec.table}`]
    case 'veth': {
      const { name, netns, mtuBytes, mac } = spec.peer
      return [
        'peer',
        ...(mtuBytes === undefined ? [] : ['mtu', `${mtuBytes}`]),
        ...(mac === undefined ? [] : ['address', mac]),
        'name',
        name,
        ...netnsArgv(netns),
      ]
    }
    case 'vxlan': {
      const { vni, local, device, port, learning, gbp } = spec
      const outer = ['id', `${vni}`, 'local', local, 'dev', device, 'dstport', `${port}`]
      return [...outer, learning ? 'learning' : 'nolearning', ...(gbp ? ['gbp'] : [])]
    }
  }
}

/** The commands that change a link: none where nothing is to change. */
export function setLinkArgvs(name: string, settings: Settings): readonly (readonly string[])[] {
  const changes = [
    ...settingsArgv(settings),
    ...(settings.noMaster ? ['nomaster'] : []),
    ...(settings.alias === undefined ? [] : ['alias', settings.alias]),
    ...(settings.name === undefined ? [] : ['name', settings.name]),
    ...upArgv(settings),
  ]
  const { hairpin, isolated, vlanFiltering, name: nameNow = name } = settings
  const port = [...onOff('hairpin', hairpin), ...onOff('isolated', isolated)]
  const filtering = ['vlan_filtering', vlanFiltering ? '1' : '0']
  return [
    ...(changes.length === 0 ? [] : [['ip', 'link', 'set', 'dev', name, ...changes]]),
    ...(vlanFiltering === undefined
      ? []
      : [['ip', 'link', 'set', 'dev', nameNow, 'type', 'bridge', ...filtering]]),
    ...(port.length === 0 ? [] : [['bridge', 'link', 'set', 'dev', nameNow, ...port]]),
  ]
}

function settingsArgv(settings: LinkSettings): readonly string[] {
  const { mtuBytes, mac, master, netns, txQueueLength, promiscuous, allMulticast, arp } = settings
  return [
    ...netnsArgv(netns),
    ...(txQueueLength === undefined ? [] : ['txqueuelen', `${txQueueLength}`]),
    ...onOff('promisc', promiscuous),
    ...onOff('arp', arp),
    ...onOff('allmulticast', allMulticast),
    ...(mtuBytes === undefined ? [] : ['mtu', `${mtuBytes}`]),
    ...(mac === undefined ? [] : ['address', mac]),
    ...(master === undefined ? [] : ['master', master]),
  ]
}

function netnsArgv(netns: LinkSettings['netns']): readonly string[] {
  return netns ? ['netns', `/proc/${process.pid}/fd/${netns.fd}`] : []
}

function onOff(name: string, on: boolean | undefined): readonly string[] {
  return on === undefined ? [] : [name, on ? 'on' : 'off']
}

function upArgv({ up }: LinkSettings): readonly string[] {
  return up === undefined ? [] : [up ? 'up' : 'down']
}
