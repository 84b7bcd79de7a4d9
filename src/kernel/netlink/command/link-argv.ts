import type { LinkSettings, LinkSpec, Rtnetlink } from '../model.ts'

type Settings = Parameters<Rtnetlink['setLink']>[1]

/** `ip link add …`, with what can be said at birth; alias and the peer's state follow by {@link setLinkArgvs}. */
export function addLinkArgv(spec: LinkSpec): readonly string[] {
  const common = [...settingsArgv(spec), ...upArgv(spec)]
  return ['ip', 'link', 'add', 'name', spec.name, ...common, 'type', spec.kind, ...kindArgv(spec)]
}

function kindArgv(spec: LinkSpec): readonly string[] {
  switch (spec.kind) {
    case 'bridge':
      return spec.vlanFiltering === undefined
        ? []
        : ['vlan_filtering', spec.vlanFiltering ? '1' : '0']
    case 'dummy':
      return []
    case 'veth': {
      const { name, netns, mtuBytes, mac } = spec.peer
      return [
        'peer',
        ...(mtuBytes === undefined ? [] : ['mtu', `${mtuBytes}`]),
        ...(mac === undefined ? [] : ['address', mac]),
        'name',
        name,
        ...(netns ? ['netns', `/proc/${process.pid}/fd/${netns.fd}`] : []),
      ]
    }
    case 'vxlan': {
      const { vni, local, device, port, learning } = spec
      const outer = ['id', `${vni}`, 'local', local, 'dev', device, 'dstport', `${port}`]
      return [...outer, learning ? 'learning' : 'nolearning']
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

function settingsArgv({ mtuBytes, mac, master }: LinkSettings): readonly string[] {
  return [
    ...(mtuBytes === undefined ? [] : ['mtu', `${mtuBytes}`]),
    ...(mac === undefined ? [] : ['address', mac]),
    ...(master === undefined ? [] : ['master', master]),
  ]
}

function upArgv({ up, promiscuous }: LinkSettings): readonly string[] {
  return [...onOff('promisc', promiscuous), ...(up === undefined ? [] : [up ? 'up' : 'down'])]
}

function onOff(option: string, on: boolean | undefined): readonly string[] {
  return on === undefined ? [] : [option, on ? 'on' : 'off']
}
