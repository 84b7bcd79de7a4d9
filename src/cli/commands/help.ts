import { verbs } from '../verbs.ts'

export function printHelp(): void {
  const built = Object.values(verbs).filter(({ load }) => load)
  const planned = Object.entries(verbs).filter(([, { load }]) => !load)
  const lines = built.map(({ usage, does }) => `  fairlead ${usage}\n      ${does}`)
  process.stdout.write(
    `Fairlead: Kubernetes networking, all four layers, on one Linux machine\n\n${lines.join('\n')}\n\n`,
  )
  process.stdout.write(`Not built yet: ${planned.map(([verb]) => verb).join(', ')}\n`)
  process.stdout.write(
    'State is kept in $FAIRLEAD_HOME (~/.fairlead). Exit codes: 0 ok, 1 failed, 2 usage, 3 could not check.\n',
  )
}
