import { isJSONObject } from '#api/json.ts'
import { badRequest } from '#api/status.ts'
import { type Answer, statusAnswer } from '../../http/answer.ts'
import { parseBody } from '../parse-body.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { removeOne } from '../verbs/delete.ts'
import { parseWriteOptions } from '../write-options.ts'

/** pods/eviction (policy/v1): a deletion that budgets may refuse; there are none yet. */
export const eviction = {
  async create(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const { dryRun } = parseWriteOptions(request.query, 'CreateOptions')
    const { value } = await parseBody(await request.body(), request.contentType)
    if (value.kind !== undefined && value.kind !== 'Eviction') {
      throw badRequest(`expected Eviction but received ${value.kind}`)
    }
    const options = isJSONObject(value.deleteOptions) ? value.deleteOptions : {}
    const grace = options.gracePeriodSeconds
    await removeOne(request, deps, {
      dryRun,
      preconditions: {},
      ...(typeof grace === 'number' ? { gracePeriodSeconds: grace } : {}),
    })
    return statusAnswer({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      code: 201,
    })
  },
}
