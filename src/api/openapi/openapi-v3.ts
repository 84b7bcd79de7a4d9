import type { JSONObject } from '../json.ts'

/** The answer of /openapi/v3: `{paths: {"api/v1": {serverRelativeURL: "/openapi/v3/api/v1?hash=…"}}}`. */
export function openAPIv3Index(): JSONObject {
  return { paths: {} }
}

/** The document of `api/v1` or `apis/apps/v1`, and its hash; undefined where there is none. Text: ready to send. */
export function openAPIv3Document(
  _groupVersionPath: string,
): { readonly json: string; readonly hash: string } | undefined {
  return undefined
}
