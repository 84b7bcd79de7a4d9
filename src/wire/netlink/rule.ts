import type { CIDR } from '#ip/cidr.ts'
import { ipToBytes } from '#ip/ip.ts'
import {
  attribute,
  concatAttributes,
  decodeAttributes,
  decodeIP,
  decodeOptional,
  optional,
} from './attributes.ts'
import { concat, readU8, readU32, u32 } from './bytes.ts'
import { defined } from './defined.ts'
import { AF_INET, AF_INET6 } from './family.ts'

export const RTM_NEWRULE = 32
export const RTM_DELRULE = 33
export const RTM_GETRULE = 34

/** Look the route up in the rule's table. */
export const FR_ACT_TO_TBL = 1

/** Body of RTM_*RULE: `struct fib_rule_hdr` and attributes (include/uapi/linux/fib_rules.h). */
export interface RuleMessage {
  readonly family: 4 | 6
  readonly source?: CIDR
  readonly table: number
  readonly priority?: number
  /** FR_ACT_*. */
  readonly action: number
}

const FRA = { SRC: 2, PRIORITY: 6, TABLE: 15 }
const HEADER_BYTES = 12
const WHAT = 'rule message'

export function encodeRule({ family, source, table, priority, action }: RuleMessage): Uint8Array {
  return concat([
    Uint8Array.of(
      family === 4 ? AF_INET : AF_INET6,
      0, // destination prefix
      source?.prefixLength ?? 0,
      0, // type of service
      table < 256 ? table : 0, // too big for the byte: FRA_TABLE says it
      0,
      0,
      action,
    ),
    u32(0), // flags
    concatAttributes([
      source && attribute(FRA.SRC, ipToBytes(source.address)),
      table < 256 ? undefined : attribute(FRA.TABLE, u32(table)),
      optional(FRA.PRIORITY, priority, u32),
    ]),
  ])
}

/** `undefined` for rules of families other than IPv4 and IPv6. */
export function decodeRule(body: Uint8Array): RuleMessage | undefined {
  const family = readU8(body, 0, WHAT)
  const prefixLength = readU8(body, 2, WHAT)
  const [compatTable, action] = [readU8(body, 4, WHAT), readU8(body, 7, WHAT)]
  if (family !== AF_INET && family !== AF_INET6) return
  const attributes = decodeAttributes(body, HEADER_BYTES, WHAT)
  const word = (type: number) => decodeOptional(attributes, type, (it) => readU32(it, 0, WHAT))
  const address = decodeOptional(attributes, FRA.SRC, decodeIP)
  return {
    family: family === AF_INET ? 4 : 6,
    table: word(FRA.TABLE) ?? compatTable,
    action,
    ...defined({ source: address && { address, prefixLength }, priority: word(FRA.PRIORITY) }),
  }
}
