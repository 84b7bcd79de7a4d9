/** The messages of etcd's v3 API that a store needs (api/etcdserverpb/rpc.proto, api/mvccpb/kv.proto). */
import { MessageReader, MessageWriter } from './wire.ts'

export interface KeyValue {
  readonly key: string
  readonly value: string
  readonly createRevision: number
  /** 0 in an event of a deletion's previous value that is not known. */
  readonly modRevision: number
  /** How often the key was written since it was made. */
  readonly version: number
  /** That of the lease which ends the key; absent: it stays. */
  readonly lease?: bigint
}

export interface RangeRequest {
  readonly key: string
  /** The first key after the range; without it, only `key`. */
  readonly end?: string
  readonly limit?: number
  readonly revision?: number
  readonly keysOnly?: boolean
  readonly countOnly?: boolean
}

export interface RangeResponse {
  readonly revision: number
  readonly items: readonly KeyValue[]
  /** Of the whole range, whatever the limit. */
  readonly count: number
}

/** `IF key is as expected THEN write ELSE read key`: the only shape of transaction that an API server uses. */
export interface TxnRequest {
  readonly key: string
  readonly expected: { readonly modRevision: number } | { readonly version: number }
  /** Undefined: delete. */
  readonly value: string | undefined
  readonly lease?: bigint
}

export interface TxnResponse {
  readonly revision: number
  readonly succeeded: boolean
  /** What was read, where it did not succeed and the key is there. */
  readonly current: KeyValue | undefined
}

export interface WatchRequest {
  readonly key: string
  readonly end?: string
  readonly startRevision: number
  readonly previous?: boolean
}

export interface WatchResponse {
  readonly revision: number
  readonly created: boolean
  readonly canceled: boolean
  readonly compactRevision: number
  readonly cancelReason: string
  readonly events: readonly WatchEvent[]
}

export interface WatchEvent {
  readonly type: 'put' | 'delete'
  readonly item: KeyValue
  readonly previous: KeyValue | undefined
}

const message = () => new MessageWriter()

export const encodeRange = (request: RangeRequest): MessageWriter =>
  message()
    .text(1, request.key)
    .text(2, request.end ?? '')
    .number(3, request.limit ?? 0)
    .number(4, request.revision ?? 0)
    .boolean(8, request.keysOnly ?? false)
    .boolean(9, request.countOnly ?? false)

const COMPARE_VERSION = 0
const COMPARE_MOD = 2

export function encodeTxn({ key, expected, value, lease = 0n }: TxnRequest): MessageWriter {
  const isVersion = 'version' in expected
  const compare = message()
    .number(2, isVersion ? COMPARE_VERSION : COMPARE_MOD)
    .text(3, key)
    .number(isVersion ? 4 : 6, isVersion ? expected.version : expected.modRevision)
  const write =
    value === undefined
      ? message().message(3, message().text(1, key))
      : message().message(2, encodePut(key, value, lease))
  const read = message().message(1, message().text(1, key))
  return message().message(1, compare).message(2, write).message(3, read)
}

export const encodePut = (key: string, value: string, lease = 0n): MessageWriter =>
  message().text(1, key).text(2, value).id(3, lease)

export const encodeLeaseGrant = (seconds: number): MessageWriter => message().number(1, seconds)

export const encodeLeaseID = (lease: bigint): MessageWriter => message().id(1, lease)

export const encodeDeleteRange = (key: string, end: string): MessageWriter =>
  message().text(1, key).text(2, end)

export const encodeCompaction = (revision: number): MessageWriter => message().number(1, revision)

export const encodeAuthenticate = (name: string, password: string): MessageWriter =>
  message().text(1, name).text(2, password)

export function decodeToken(bytes: Buffer): string {
  const reader = new MessageReader(bytes)
  while (reader.next()) if (reader.field === 2) return reader.text()
  return ''
}

export function encodeWatch({ key, end, startRevision, previous }: WatchRequest): MessageWriter {
  const create = message()
    .text(1, key)
    .text(2, end ?? '')
    .number(3, startRevision)
    .boolean(4, true) // progress_notify: on a quiet store too, the revision moves on
    .boolean(6, previous ?? false)
    .boolean(8, true) // fragment: no answer is much longer than the longest request
  return message().message(1, create)
}

export function decodeRange(bytes: Buffer): RangeResponse {
  const reader = new MessageReader(bytes)
  const items: KeyValue[] = []
  let revision = 0
  let count = 0
  while (reader.next()) {
    if (reader.field === 1) revision = decodeRevision(reader.message())
    else if (reader.field === 2) items.push(decodeKeyValue(reader.message()))
    else if (reader.field === 4) count = reader.number()
  }
  return { revision, items, count }
}

export function decodeTxn(bytes: Buffer): TxnResponse {
  const reader = new MessageReader(bytes)
  let revision = 0
  let succeeded = false
  let current: KeyValue | undefined
  while (reader.next()) {
    if (reader.field === 1) revision = decodeRevision(reader.message())
    else if (reader.field === 2) succeeded = reader.number() !== 0
    else if (reader.field === 3) current ??= decodeFirstRead(reader.message())
  }
  return { revision, succeeded, current }
}

/** Of a ResponseOp, the first key of the range that it may hold. */
function decodeFirstRead(operation: MessageReader): KeyValue | undefined {
  while (operation.next()) {
    if (operation.field !== 1) continue
    const range = operation.message()
    while (range.next()) if (range.field === 2) return decodeKeyValue(range.message())
  }
  return undefined
}

export interface LeaseAnswer {
  readonly lease: bigint
  /** How long it lasts from now on; -1: there is none such. */
  readonly seconds: number
}

/** Of LeaseGrant and LeaseTimeToLive: in both the id is field 2 and the time to live field 3. */
export function decodeLease(bytes: Buffer): LeaseAnswer {
  const reader = new MessageReader(bytes)
  let lease = 0n
  let seconds = 0n
  while (reader.next()) {
    if (reader.field === 2) lease = reader.id()
    else if (reader.field === 3) seconds = reader.id()
  }
  return { lease, seconds: Number(seconds) }
}

/** The revision in the header that every answer begins with. */
export function decodeHeader(bytes: Buffer): number {
  const reader = new MessageReader(bytes)
  while (reader.next()) if (reader.field === 1) return decodeRevision(reader.message())
  return 0
}

export function decodeWatch(bytes: Buffer): WatchResponse {
  const reader = new MessageReader(bytes)
  const events: WatchEvent[] = []
  const found = { revision: 0, created: false, canceled: false, compactRevision: 0 }
  let cancelReason = ''
  while (reader.next()) {
    if (reader.field === 1) found.revision = decodeRevision(reader.message())
    else if (reader.field === 3) found.created = reader.number() !== 0
    else if (reader.field === 4) found.canceled = reader.number() !== 0
    else if (reader.field === 5) found.compactRevision = reader.number()
    else if (reader.field === 6) cancelReason = reader.text()
    else if (reader.field === 11) events.push(decodeEvent(reader.message()))
  }
  return { ...found, cancelReason, events }
}

function decodeEvent(reader: MessageReader): WatchEvent {
  let type: WatchEvent['type'] = 'put'
  let item: KeyValue | undefined
  let previous: KeyValue | undefined
  while (reader.next()) {
    if (reader.field === 1) type = reader.number() === 1 ? 'delete' : 'put'
    else if (reader.field === 2) item = decodeKeyValue(reader.message())
    else if (reader.field === 3) previous = decodeKeyValue(reader.message())
  }
  return { type, item: item ?? NOTHING, previous }
}

const NOTHING: KeyValue = { key: '', value: '', createRevision: 0, modRevision: 0, version: 0 }

function decodeKeyValue(reader: MessageReader): KeyValue {
  let key = ''
  let value = ''
  let createRevision = 0
  let modRevision = 0
  let version = 0
  let lease = 0n
  while (reader.next()) {
    if (reader.field === 1) key = reader.text()
    else if (reader.field === 2) createRevision = reader.number()
    else if (reader.field === 3) modRevision = reader.number()
    else if (reader.field === 4) version = reader.number()
    else if (reader.field === 5) value = reader.text()
    else if (reader.field === 6) lease = reader.id()
  }
  const item = { key, value, createRevision, modRevision, version }
  return lease === 0n ? item : { ...item, lease }
}

function decodeRevision(header: MessageReader): number {
  let revision = 0
  while (header.next()) if (header.field === 3) revision = header.number()
  return revision
}
