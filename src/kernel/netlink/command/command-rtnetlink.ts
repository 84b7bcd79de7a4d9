import { RT_TABLE_MAIN } from '#wire/netlink/route.ts'
import { openNamespaceRunner } from '../../command/namespace-runner.ts'
import { KernelError } from '../../kernel-error.ts'
import type { Netns } from '../../netns/netns.ts'
import { describeAddress, describeFDBEntry, describeNeighbour, describeRoute } from '../describe.ts'
import { isListed } from '../fdb-entry.ts'
import type { Link, LinkSpec, Rtnetlink } from '../model.ts'
import { deleteUnlessMissing, LEADS_NOWHERE } from '../unless-missing.ts'
import { addressArgv, bridgeVLANArgv, fdbArgv, neighbourArgv, routeArgv } from './entry-argv.ts'
import { addLinkArgv, setLinkArgvs } from './link-argv.ts'
import {
  parseAddresses,
  parseBridgeVLANs,
  parseFDB,
  parseNeighbours,
  parseRoutes,
} from './parse-entries.ts'
import { parseLinks } from './parse-links.ts'
import { ruleCommands, trafficControlCommands } from './traffic-commands.ts'

export type Run = (op: string, argv: readonly string[]) => string

/** rtnetlink by ip(8) and bridge(8): a process for each call, where node:ffi is missing. */
export function openCommandRtnetlink(netns: Netns | undefined): Rtnetlink {
  const runner = openNamespaceRunner(netns)
  const run: Run = (op, argv) => runner.run(argv, { op }).stdout
  return {
    ...linkCommands(run),
    ...entryCommands(run),
    ...ruleCommands(run),
    ...trafficControlCommands(run),
    [Symbol.dispose]: () => runner[Symbol.dispose](),
  }
}

function linkCommands(
  run: Run,
): Pick<Rtnetlink, 'links' | 'link' | 'hasLink' | 'addLink' | 'setLink' | 'deleteLink'> {
  const links = () => parseLinks(run('list links', ['ip', '-j', '-d', 'link', 'show']))
  const link = (name: string) => links().find((each) => each.name === name)
  const deleteLink = (name: string) =>
    deleteUnlessMissing(['ENODEV'], () =>
      run(`delete link ${name}`, ['ip', 'link', 'del', 'dev', name]),
    )
  const setLink: Rtnetlink['setLink'] = (name, settings) => {
    for (const argv of setLinkArgvs(name, settings)) run(`set link ${name}`, argv)
  }
  const addLink = (spec: LinkSpec): Link => {
    const op = `add link ${spec.name} (${spec.kind})`
    run(op, addLinkArgv(spec))
    using there = spec.netns && openCommandRtnetlink(spec.netns)
    const setHere = there ? there.setLink : setLink
    try {
      if (spec.alias !== undefined) setHere(spec.name, { alias: spec.alias })
      if (spec.kind === 'veth') setPeer(spec, setLink)
      const added = there ? there.link(spec.name) : link(spec.name)
      if (added) return added
      throw new KernelError(op, 'ENODEV', { hint: 'it was removed at once' })
    } catch (error) {
      if (there) there.deleteLink(spec.name)
      else deleteLink(spec.name)
      throw error
    }
  }
  const hasLink = (name: string) => link(name) !== undefined
  return { links, link, hasLink, addLink, setLink, deleteLink }
}

function setPeer(
  { peer }: Extract<LinkSpec, { kind: 'veth' }>,
  setHere: Rtnetlink['setLink'],
): void {
  const { name, netns, up, master, alias } = peer
  const settings = {
    ...(up && { up }),
    ...(master !== undefined && { master }),
    ...(alias !== undefined && { alias }),
  }
  using there = netns && openCommandRtnetlink(netns)
  const set = there ? there.setLink : setHere
  set(name, settings)
}

type EntryCommands = Omit<
  Rtnetlink,
  | keyof ReturnType<typeof linkCommands>
  | keyof ReturnType<typeof ruleCommands>
  | keyof ReturnType<typeof trafficControlCommands>
  | typeof Symbol.dispose
>

function entryCommands(run: Run): EntryCommands {
  const fdb = () => parseFDB(run('list FDB entries', ['bridge', '-j', 'fdb', 'show']))
  return {
    addresses({ device } = {}) {
      const all = parseAddresses(run('list addresses', ['ip', '-j', 'addr', 'show']))
      return device === undefined ? all : all.filter((each) => each.device === device)
    },
    replaceAddress(address) {
      run(`add ${describeAddress(address)}`, addressArgv('replace', address))
    },
    deleteAddress: (address) =>
      deleteUnlessMissing(['EADDRNOTAVAIL', 'ENODEV'], () =>
        run(`delete ${describeAddress(address)}`, addressArgv('del', address)),
      ),

    routes({ table = RT_TABLE_MAIN } = {}) {
      // A table that has no routes is an error to ip(8), so the choice is made here.
      const list = (family: 4 | 6) =>
        run('list routes', ['ip', '-j', '-N', `-${family}`, 'route', 'show', 'table', 'all'])
      return ([4, 6] as const)
        .flatMap((family) => parseRoutes(list(family), family))
        .filter((route) => table === 'all' || (route.table ?? RT_TABLE_MAIN) === table)
    },
    deviceTo(address) {
      try {
        const found = run(`find a route to ${address}`, ['ip', '-j', 'route', 'get', address])
        return JSON.parse(found)[0]?.dev
      } catch (error) {
        if (error instanceof KernelError && LEADS_NOWHERE.includes(error.errno)) return undefined
        throw error
      }
    },
    replaceRoute(route) {
      run(`add ${describeRoute(route)}`, routeArgv('replace', route))
    },
    deleteRoute: (route) =>
      deleteUnlessMissing(['ESRCH', 'ENODEV'], () =>
        run(`delete ${describeRoute(route)}`, routeArgv('del', route)),
      ),

    neighbours() {
      const list = (which: readonly string[]) =>
        run('list neighbours', ['ip', '-j', 'neigh', 'show', ...which])
      return [
        ...parseNeighbours(list(['nud', 'all']), false),
        ...parseNeighbours(list(['proxy']), true),
      ]
    },
    replaceNeighbour(neighbour) {
      run(`add ${describeNeighbour(neighbour)}`, neighbourArgv('replace', neighbour))
    },
    deleteNeighbour: (neighbour) =>
      deleteUnlessMissing(['ENOENT', 'ENODEV'], () =>
        run(`delete ${describeNeighbour(neighbour)}`, neighbourArgv('del', neighbour)),
      ),

    fdb,
    replaceFDBEntry(entry) {
      run(`add ${describeFDBEntry(entry)}`, fdbArgv('replace', entry))
    },
    deleteFDBEntry: (entry) =>
      isListed(entry, fdb()) &&
      deleteUnlessMissing(['ENOENT', 'ENODEV'], () =>
        run(`delete ${describeFDBEntry(entry)}`, fdbArgv('del', entry)),
      ),

    bridgeVLANs: () => parseBridgeVLANs(run('list bridge VLANs', ['bridge', '-j', 'vlan', 'show'])),
    addBridgeVLAN(vlan) {
      run(`add VLAN ${vlan.vid} to ${vlan.device}`, bridgeVLANArgv('add', vlan))
    },
    deleteBridgeVLAN(vlan) {
      run(`delete VLAN ${vlan.vid} from ${vlan.device}`, bridgeVLANArgv('del', vlan))
    },
  }
}
