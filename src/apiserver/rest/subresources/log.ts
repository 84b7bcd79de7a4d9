import { pipeline } from 'node:stream/promises'
import type { Pod } from '#api/core.ts'
import { badRequest } from '#api/status.ts'
import type { Answer } from '../../http/answer.ts'
import { findItem } from '../find-item.ts'
import { objectOf } from '../record.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { askAgent, findAgent } from './agent.ts'
import { explainRefusal } from './agent-refusal.ts'
import { chooseContainer } from './choose-container.ts'
import { logParameters } from './log-options.ts'

/** pods/log: passes the lines through from the agent of the pod's node. */
export const log = {
  async get(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const parameters = logParameters(request.query, request.name)
    const pod = objectOf(await findItem(request, deps)) as Pod
    const container = chooseContainer(pod, request.query.get('container') ?? '')
    const { namespace, name } = pod.metadata
    // A pod without a node has written nothing yet.
    if (!pod.spec.nodeName) return { code: 200, contentType: 'text/plain', body: '' }
    const agent = await findAgent(pod.spec.nodeName, deps)
    const query = parameters.size === 0 ? '' : `?${parameters}`
    const path = `/containerLogs/${namespace}/${name}/${container}${query}`
    const answer = await askAgent({ ...agent, path }, deps, request.signal)
    if (answer.kind !== 'response') throw badRequest('the agent left HTTP')
    const { response } = answer
    if (response.statusCode !== 200) throw await explainRefusal(response, name)
    return {
      code: 200,
      contentType: response.headers['content-type'] ?? 'text/plain',
      // A reader that goes away ends the pipe early, which is no error of ours.
      stream: (out) => pipeline(response, out, { end: false }).catch(() => {}),
    }
  },
}
