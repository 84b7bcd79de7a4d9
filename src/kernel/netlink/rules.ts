import { AF_INET, AF_INET6 } from '#wire/netlink/family.ts'
import { NLM_F_CREATE, NLM_F_EXCL } from '#wire/netlink/message.ts'
import {
  decodeRule,
  encodeRule,
  FR_ACT_TO_TBL,
  RTM_DELRULE,
  RTM_GETRULE,
  RTM_NEWRULE,
} from '#wire/netlink/rule.ts'
import { describeRule } from './describe.ts'
import type { RoutingRule, Rtnetlink } from './model.ts'
import type { NetlinkSocket } from './socket.ts'
import { deleteUnlessMissing } from './unless-missing.ts'

type RuleCalls = Pick<Rtnetlink, 'rules' | 'addRule' | 'deleteRule'>

const HEADER_BYTES = 12

export function ruleCalls(socket: NetlinkSocket): RuleCalls {
  const encode = (rule: RoutingRule) => encodeRule({ ...rule, action: FR_ACT_TO_TBL })
  return {
    rules: () =>
      [AF_INET, AF_INET6].flatMap((family) => {
        const request = new Uint8Array(HEADER_BYTES)
        request[0] = family
        return socket.dump('list rules', RTM_GETRULE, request).flatMap((body) => {
          const { action, ...rule } = decodeRule(body) ?? { action: 0 }
          return action === FR_ACT_TO_TBL && 'family' in rule ? [rule] : []
        })
      }),
    addRule(rule) {
      socket.request(
        `add ${describeRule(rule)}`,
        RTM_NEWRULE,
        NLM_F_CREATE | NLM_F_EXCL,
        encode(rule),
      )
    },
    deleteRule: (rule) =>
      deleteUnlessMissing(['ENOENT'], () =>
        socket.request(`delete ${describeRule(rule)}`, RTM_DELRULE, 0, encode(rule)),
      ),
  }
}
