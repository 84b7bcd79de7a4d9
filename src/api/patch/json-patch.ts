/**
 * JSON Patch, RFC 6902, with JSON Pointer, RFC 6901.
 */
import {
  equalJSON,
  getKey,
  isJSONObject,
  type JSONObject,
  type JSONValue,
  setKey,
} from '../json.ts'
import { describeJSON } from '../schema/scalars.ts'
import { badRequest, type StatusError, tooLarge, unprocessable } from '../status.ts'
import { type Pace, type Steps, takeAll, takeInTurns } from '../steps.ts'

// apiserver endpoints/handlers/patch.go: one request changes a bounded amount.
const maxOperations = 10_000
// apiserver server/config.go, JSONPatchMaxCopyBytes
const maxCopiedBytes = 3 * 1024 * 1024

/**
 * Returns the changed document; `doc` stays as it is.
 * @throws StatusError 400 where the patch is malformed, 422 where the first operation does not apply; then none has.
 */
export const applyJSONPatch = (doc: JSONValue, operations: JSONValue): JSONValue =>
  takeAll(patchSteps(doc, operations))

/** As {@link applyJSONPatch}, of patches that may be long. */
export const applyInTurns = (doc: JSONValue, operations: JSONValue, pace: Pace) =>
  takeInTurns(patchSteps(doc, operations), pace)

function* patchSteps(doc: JSONValue, operations: JSONValue): Steps<JSONValue> {
  if (!Array.isArray(operations)) {
    throw badRequest(
      `json: cannot unmarshal ${describeJSON(operations)} into Go value of type jsonpatch.Patch`,
    )
  }
  if (operations.length > maxOperations) {
    throw tooLarge(
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`,
    )
  }
  const budget = { bytes: maxCopiedBytes }
  let current: JSONValue = structuredClone(doc)
  for (const operation of operations) {
    current = applyOperation(current, operation, budget)
    yield
  }
  return current
}

/** Upstream tells clients nothing more; the reason stays with the error, for the log. */
function refuse(why: string): StatusError {
  const error = unprocessable('the server rejected our request due to an error in our request')
  error.cause = new Error(`Cannot apply JSON patch: ${why}`)
  return error
}

/** What copies may still take: each may double what the one before made. */
interface Budget {
  bytes: number
}

function applyOperation(doc: JSONValue, operation: JSONValue, budget: Budget): JSONValue {
  if (!isJSONObject(operation)) throw badRequest('error decoding patch: an operation is no object')
  const path = tokensOf(operation, 'path')
  switch (operation.op) {
    case 'add':
      return add(doc, path, operandOf(operation))
    case 'remove':
      return remove(doc, path).doc
    case 'replace':
      return replace(doc, path, operandOf(operation))
    case 'move': {
      const from = tokensOf(operation, 'from')
      if (from.length < path.length && from.every((token, index) => token === path[index])) {
        throw refuse(`move of ${pointerOf(from)} into itself`)
      }
      const taken = remove(doc, from)
      return add(taken.doc, path, taken.removed)
    }
    case 'copy':
      return add(doc, path, copy(find(doc, tokensOf(operation, 'from')), budget))
    case 'test':
      if (!equalJSON(find(doc, path), operandOf(operation))) {
        throw refuse(`test of ${pointerOf(path)} failed`)
      }
      return doc
    default:
      throw refuse(`there is no operation ${JSON.stringify(operation.op ?? null)}`)
  }
}

function copy(value: JSONValue, budget: Budget): JSONValue {
  const text = JSON.stringify(value)
  budget.bytes -= text.length
  if (budget.bytes < 0) throw refuse(`copies take more than ${maxCopiedBytes} bytes`)
  return JSON.parse(text) as JSONValue
}

function operandOf(operation: JSONObject): JSONValue {
  return structuredClone(getKey(operation, 'value') ?? null)
}

function tokensOf(operation: JSONObject, member: 'path' | 'from'): string[] {
  const pointer = operation[member]
  if (typeof pointer !== 'string') {
    throw refuse(`${JSON.stringify(operation.op)} has no ${member}`)
  }
  if (pointer === '') return []
  if (!pointer.startsWith('/')) {
    throw refuse(`${pointer} is no JSON pointer`)
  }
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

const pointerOf = (tokens: readonly string[]) =>
  tokens.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

const missing = (tokens: readonly string[]) => refuse(`nothing is at ${pointerOf(tokens)}`)

function find(doc: JSONValue, tokens: readonly string[]): JSONValue {
  return tokens.reduce((value, token) => {
    const child = childOf(value, token)
    if (child === undefined) throw missing(tokens)
    return child
  }, doc)
}

function childOf(value: JSONValue, token: string): JSONValue | undefined {
  if (Array.isArray(value)) {
    return /^(0|[1-9]\d*)$/.test(token) ? value[Number(token)] : undefined
  }
  return isJSONObject(value) && Object.hasOwn(value, token) ? value[token] : undefined
}

/** RFC 6902 section 4.1: the parent must exist; `-` is the end of an array. */
function add(doc: JSONValue, tokens: readonly string[], value: JSONValue): JSONValue {
  const last = tokens.at(-1)
  if (last === undefined) return value
  const parent = find(doc, tokens.slice(0, -1))
  if (Array.isArray(parent)) {
    parent.splice(last === '-' ? parent.length : indexIn(last, parent.length, tokens), 0, value)
  } else if (isJSONObject(parent)) setKey(parent, last, value)
  else throw missing(tokens)
  return doc
}

function indexIn(token: string, max: number, tokens: readonly string[]): number {
  const index = /^(0|[1-9]\d*)$/.test(token) ? Number(token) : Number.NaN
  if (index <= max) return index
  throw refuse(`index of ${pointerOf(tokens)} is out of bounds`)
}

function remove(
  doc: JSONValue,
  tokens: readonly string[],
): { readonly doc: JSONValue; readonly removed: JSONValue } {
  const removed = find(doc, tokens)
  const last = tokens.at(-1)
  if (last === undefined) return { doc: null, removed }
  const parent = find(doc, tokens.slice(0, -1))
  if (Array.isArray(parent)) parent.splice(Number(last), 1)
  else delete (parent as JSONObject)[last]
  return { doc, removed }
}

/** A member that is not there is set, too: so does the library that upstream uses (evanphx/json-patch v4). */
function replace(doc: JSONValue, tokens: readonly string[], value: JSONValue): JSONValue {
  const last = tokens.at(-1)
  if (last === undefined) return value
  const parent = find(doc, tokens.slice(0, -1))
  if (Array.isArray(parent)) {
    find(doc, tokens)
    parent[Number(last)] = value
  } else if (isJSONObject(parent)) setKey(parent, last, value)
  else throw missing(tokens)
  return doc
}
