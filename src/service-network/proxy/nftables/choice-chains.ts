import type { Chain, Condition, Rule } from './nft-plan.ts'
import {
  CHOICE,
  CLIENT,
  ENDPOINT,
  ORIGINAL,
  PORTED,
  PROTOCOLS,
  planChosenMap,
  planEndpointsMap,
} from './sets.ts'

/* The chains that pick an endpoint: one for each number of endpoints, not for each Service. */

const spreads = new Map<string, Chain>()

/** Sends to one of `count` endpoints of the virtual destination, each as likely as the others. The same object each time. */
export function planSpreadChain(from: 'endpoints' | 'local-endpoints', count: number): Chain {
  const key = `${from} ${count}`
  const chain = spreads.get(key) ?? makeSpreadChain(from, count)
  spreads.set(key, chain)
  return chain
}

function makeSpreadChain(from: 'endpoints' | 'local-endpoints', count: number): Chain {
  const rules = PROTOCOLS.map((protocol): Rule => {
    const { key, name: map } = planEndpointsMap(from, protocol)
    const condition: Condition = { kind: 'protocol', is: protocol }
    return { when: [condition], do: { kind: 'dnat-map', key, slots: count, map } }
  })
  return { name: from === 'endpoints' ? `spread-${count}` : `spread-local-${count}`, rules }
}

/** Sends a known client where it was sent before. The first choice is `spread`'s; {@link planRememberChain} keeps it. */
export function planStickChain(spread: Chain): Chain {
  return {
    name: spread.name.replace('spread', 'stick'),
    rules: [
      { when: [PORTED], do: { kind: 'choose', key: CLIENT, map: 'affinity' } },
      ...PROTOCOLS.map((protocol): Rule => {
        const { key, name } = planChosenMap(protocol)
        const condition: Condition = { kind: 'protocol', is: protocol }
        return { when: [condition], do: { kind: 'dnat-map', key, map: name } }
      }),
      // Its endpoint is gone, or it has none yet: an entry that stays would keep what it gives.
      { when: [PORTED], do: { kind: 'delete', map: 'affinity', key: CLIENT, value: CHOICE } },
      { when: [], do: { kind: 'goto', chain: spread.name } },
    ],
  }
}

/** Every new connection starts the client's time anew; an entry that is there keeps its endpoint. */
export function planRememberChain(timeoutSeconds: number): Chain {
  return {
    name: `remember-${timeoutSeconds}s`,
    rules: [
      {
        when: [PORTED],
        do: { kind: 'choose', key: [...ORIGINAL, ...ENDPOINT], map: 'affinity-choices' },
      },
      {
        when: [PORTED],
        do: {
          kind: 'update',
          map: 'affinity',
          key: ['ip saddr', ...ORIGINAL],
          value: CHOICE,
          timeoutSeconds,
        },
      },
      { when: [], do: { kind: 'forget-choice' } },
    ],
  }
}
