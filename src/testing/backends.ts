import { after, before, suite } from 'node:test'
import { type Backend, kernelBackend } from '#kernel/backend.ts'

/** Declares a suite once for each way to reach the kernel: both must behave alike. */
export function suiteOnEachBackend(name: string, body: (backend: Backend) => void): void {
  for (const backend of ['ffi', 'command'] as const) {
    suite(`${name} (${backend})`, () => {
      const previous = process.env.FAIRLEAD_FFI
      before(() => {
        process.env.FAIRLEAD_FFI = backend === 'command' ? 'off' : 'on'
        if (kernelBackend() !== backend) {
          throw new Error('Cannot test the ffi backend: this Node has no node:ffi')
        }
      })
      after(() => {
        if (previous === undefined) delete process.env.FAIRLEAD_FFI
        else process.env.FAIRLEAD_FFI = previous
      })
      body(backend)
    })
  }
}
