/**
 * What an update would have changed of a pod, as a refusal shows it: upstream prints both specs as its internal structs
 * (pkg/apis/core/types.go v1.36), every field in their order with Go's names, and then what differs
 * (apimachinery v0.36, util/diff).
 */
import { readFileSync } from 'node:fs'
import type { EphemeralContainer, PodSpec, PodTemplateSpec } from '../core.ts'
import type { JSONObject, JSONValue } from '../json.ts'
import { unifiedDiff } from '../unified-diff.ts'

/** More lines are not compared: what a refusal costs must not grow with its square. */
const MAX_LINES = 4_000

/** `Go's name`, or of those with tags JSON's; the name in v1; and what it holds. */
interface LayoutField {
  readonly name: string
  readonly key: string
  /** `string bool int quantity`, a struct, `*` or `[]` and a struct; empty for what is printed as it is, or as null. */
  readonly of: string
  readonly isEmbedded: boolean
  readonly isOptional: boolean
}

let layouts: ReadonlyMap<string, readonly LayoutField[]> | undefined

/** pod-layout.txt: a struct a line. `+` embeds, `?` is left out where it is empty, `=` names the field of v1 where it is another. */
function loadLayouts(): ReadonlyMap<string, readonly LayoutField[]> {
  if (layouts) return layouts
  const text = readFileSync(new URL('pod-layout.txt', import.meta.url), 'utf8')
  layouts = new Map(
    text
      .trim()
      .split('\n')
      .map((line) => {
        const [struct = '', ...words] = line.split(' ')
        return [struct, words.map(parseField)]
      }),
  )
  return layouts
}

function parseField(word: string): LayoutField {
  const [, mark, name = '', key = name, of = ''] = /^([+?]?)(\w+)(?:=(\w+))?(?::(\S+))?$/.exec(
    word,
  )!
  return { name, key: key.toLowerCase(), of, isEmbedded: mark === '+', isOptional: mark === '?' }
}

/** Undefined where the specs are too long to compare. */
export function diffPodSpecs(before: PodSpec, after: PodSpec): string | undefined {
  return diffStructs('PodSpec', asInternal(before), asInternal(after))
}

export function diffEphemeralContainers(
  before: EphemeralContainer,
  after: EphemeralContainer,
): string | undefined {
  return diffStructs('EphemeralContainer', before, after)
}

/** A template as upstream's own type prints it: its metadata are embedded. */
export const templateAsInternal = ({ metadata = {}, spec }: PodTemplateSpec): JSONObject =>
  layOut('PodTemplateSpec', { metadata, spec: asInternal(spec) } as unknown as JSONObject) // came from JSON

function diffStructs(struct: string, before: object, after: object): string | undefined {
  const [a, b] = [before, after].map((object) => printStruct(struct, object as JSONObject))
  if (a === undefined || b === undefined) return undefined
  return unifiedDiff(a, b)
}

function printStruct(struct: string, object: JSONObject): string | undefined {
  const text = JSON.stringify(layOut(struct, object), null, 1)
  let lines = 1
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++
  return lines > MAX_LINES ? undefined : escapeHTML(text)
}

/** As Go's encoding/json does it. */
const escapeHTML = (text: string) =>
  text.replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })

/** What of the host a pod uses lies in its security context, which is always there. */
function asInternal(spec: PodSpec): object {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace, hostUsers, ...rest } = spec
  const host = { hostNetwork, hostPID, hostIPC, shareProcessNamespace, hostUsers }
  return { ...rest, securityContext: { ...host, ...spec.securityContext } }
}

function layOut(struct: string, object: JSONObject): JSONObject {
  const held = new Map(Object.entries(object).map(([key, value]) => [key.toLowerCase(), value]))
  const printed: [string, JSONValue][] = []
  for (const { name, key, of, isEmbedded, isOptional } of loadLayouts().get(struct)!) {
    const value = held.get(key)
    if (isEmbedded) {
      const inner = name === 'ObjectMeta' ? object.metadata : object
      printed.push(...Object.entries(layOut(name, (inner ?? {}) as JSONObject)))
    } else if (value !== undefined || !isOptional) printed.push([name, layOutValue(of, value)])
  }
  return Object.fromEntries(printed)
}

const ZEROS: Readonly<Record<string, JSONValue>> = {
  string: '',
  bool: false,
  int: 0,
  quantity: '0',
}

function layOutValue(of: string, value: JSONValue | undefined): JSONValue {
  if (of in ZEROS) return value ?? ZEROS[of]!
  if (of === '') return sortMap(value ?? null)
  if (of.startsWith('[]'))
    return Array.isArray(value)
      ? value.map((item) => layOut(of.slice(2), item as JSONObject))
      : null
  if (of.startsWith('*')) return value ? layOut(of.slice(1), value as JSONObject) : null
  return layOut(of, (value ?? {}) as JSONObject)
}

/** Go prints maps by key. */
function sortMap(value: JSONValue): JSONValue {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
