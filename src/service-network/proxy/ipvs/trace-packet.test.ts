import { suiteOfTracedFlows } from '../testing/suite-of-traced-flows.ts'
import { tracePacket } from './trace-packet.ts'

suiteOfTracedFlows('ipvs', (model, options) => (packet) => tracePacket(model, options, packet))
