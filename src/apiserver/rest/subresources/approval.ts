import type { CertificateSigningRequest } from '#api/certificates.ts'
import type { JSONObject } from '#api/json.ts'
import { approval as rules } from '#api/kinds/certificate-signing-request.ts'
import type { KindSpec } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { Answer } from '../../http/answer.ts'
import { decodePatched, parsePatch } from '../apply-patch.ts'
import { decodeObject } from '../decode-object.ts'
import { mutate } from '../mutate.ts'
import { parseBody } from '../parse-body.ts'
import { presentItem } from '../present.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { timestamp } from '../timestamp.ts'
import { get } from '../verbs/get.ts'
import { parseWriteOptions } from '../write-options.ts'

/** certificatesigningrequests/approval: `kubectl certificate approve` and `deny`. */
export const approval = {
  get,

  async update(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const { dryRun, fieldValidation } = parseWriteOptions(request.query, 'UpdateOptions')
    const { resource } = request.spec
    const body = await parseBody(await request.body(), request.contentType, resource)
    const wanted = decodeObject(resource, body, fieldValidation, request.warn)
    return change(request, deps, dryRun, async () => wanted)
  },

  async patch(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const { dryRun, fieldValidation } = parseWriteOptions(request.query, 'PatchOptions')
    const { resource } = request.spec
    const parsed = parsePatch(await request.body(), request.contentType, resource)
    return change(request, deps, dryRun, async (current) => {
      const own = structuredClone(current) as unknown as JSONObject // came from JSON
      const patched = await parsed.apply(own, request.pace)
      return decodePatched(resource, patched, parsed, fieldValidation, request.warn)
    })
  },
}

async function change(
  request: RESTRequest,
  deps: RESTDeps,
  dryRun: boolean,
  edit: (current: KubernetesObject) => Promise<KubernetesObject>,
): Promise<Answer> {
  const validateUpdate = rules.validate as KindSpec['validateUpdate'] // it is of this kind
  const spec = { ...request.spec, validateUpdate }
  const written = await mutate({ ...request, spec }, deps, {
    dryRun,
    change: async (current) => {
      const wanted = (await edit(current)) as CertificateSigningRequest
      return rules.prepare(stamped(wanted), current as CertificateSigningRequest)
    },
  })
  return presentItem(request, written)
}

/** Conditions that say no time were made now (strategy.go populateConditionTimestamps). */
function stamped(csr: CertificateSigningRequest): CertificateSigningRequest {
  const now = timestamp()
  const conditions = (csr.status?.conditions ?? []).map((condition) => ({
    ...condition,
    lastUpdateTime: condition.lastUpdateTime ?? now,
    lastTransitionTime: condition.lastTransitionTime ?? now,
  }))
  return { ...csr, status: { ...csr.status, conditions } }
}
