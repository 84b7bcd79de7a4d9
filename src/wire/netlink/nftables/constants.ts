/*
 * Numbers of nf_tables on netlink: include/uapi/linux/netfilter/nf_tables.h and nfnetlink.h. Attributes are grouped by what they are in.
 */

export const NFNL_SUBSYS_NFTABLES = 10
export const NFNL_MSG_BATCH_BEGIN = 0x10
export const NFNL_MSG_BATCH_END = 0x11
/** Multicast group: every change of every table. */
export const NFNLGRP_NFTABLES = 7

const message = (number: number) => (NFNL_SUBSYS_NFTABLES << 8) | number
export const NFT_MSG = {
  newTable: message(0),
  getTable: message(1),
  delTable: message(2),
  newChain: message(3),
  getChain: message(4),
  delChain: message(5),
  newRule: message(6),
  getRule: message(7),
  delRule: message(8),
  newSet: message(9),
  getSet: message(10),
  delSet: message(11),
  newSetElem: message(12),
  getSetElem: message(13),
  delSetElem: message(14),
  newGen: message(15),
  getGen: message(16),
} as const

/** NFPROTO_*: include/uapi/linux/netfilter.h. */
export const NFPROTO = { inet: 1, ip: 2, bridge: 7, ip6: 10 } as const

export const GENERATION = { id: 1 } as const
export const TABLE = { name: 1, flags: 2, use: 3, handle: 4, userdata: 6 } as const
export const CHAIN = { table: 1, handle: 2, name: 3, hook: 4, policy: 5, use: 6, type: 7 } as const
export const HOOK = { number: 1, priority: 2 } as const
export const RULE = { table: 1, chain: 2, handle: 3, expressions: 4, userdata: 7 } as const
export const LIST_ELEMENT = 1
export const EXPRESSION = { name: 1, data: 2 } as const
export const SET = {
  table: 1,
  name: 2,
  flags: 3,
  keyType: 4,
  keyLength: 5,
  dataType: 6,
  dataLength: 7,
  description: 9,
  id: 10,
  timeout: 11,
  userdata: 13,
  expression: 17,
} as const
export const SET_DESCRIPTION = { size: 1, concat: 2 } as const
export const SET_FIELD = { length: 1 } as const
export const SET_FLAG = {
  interval: 0x4,
  map: 0x8,
  timeout: 0x10,
  /** Rules add elements. */
  eval: 0x20,
  concat: 0x80,
} as const
/** The data type of verdict maps. */
export const DATA_VERDICT = 0xffffff00
export const ELEMENTS = { table: 1, set: 2, elements: 3 } as const
export const ELEMENT = {
  key: 1,
  data: 2,
  flags: 3,
  timeout: 4,
  expiration: 5,
  expression: 7,
  keyEnd: 10,
  expressions: 11,
} as const
export const DATA = { value: 1, verdict: 2 } as const
export const VERDICT = { code: 1, chain: 2 } as const
export const VERDICT_CODE = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const
/** The register that a verdict goes to, and the first of the 4-byte ones. */
export const REG_VERDICT = 0
export const REG32_00 = 8
export const COUNTER = { bytes: 1, packets: 2 } as const
