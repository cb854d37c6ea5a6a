// What ships beside the code names ports, variables and settings: they must be the code's own.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import test from 'node:test'
import { parse, parseAllDocuments } from 'yaml'
import { fullKey, rowOf, rows } from '../src/config/table.ts'

const variables = new Set(rows.flatMap(row => row.setting.extras.env ?? []))
const read = (file: string): Promise<string> => readFile(file, 'utf8')
const defaultPorts = ['HTTP_PORT', 'PROMETHEUS_PORT', 'RTMP_INGEST_PORT', 'MEDIA_UDP_PORT', 'MEDIA_TCP_PORT']
const ports = [8080, 9090, 1935, 10000, 10000]

test('the default ports are those the deployment files publish', () => {
  for (const variable of defaultPorts) assert.ok(variables.has(variable), variable)
})

test('compose: every variable is a setting, every port is published, nothing runs as root with rights it does not need', async () => {
  const { services } = parse(await read('deploy/compose.yaml'))
  const service = services['ingress-egress']
  for (const name of Object.keys(service.environment)) assert.ok(variables.has(name), `${name} is no setting`)
  assert.deepEqual(service.ports.map((port: string) => parseInt(port)).sort(), [...ports].sort())
  assert.equal(service.read_only, true)
  assert.deepEqual(service.cap_drop, ['ALL'])
})

test('Kubernetes: probes, ports, variables and the time to drain fit the service', async () => {
  const documents = parseAllDocuments(await read('deploy/kubernetes/ingress-egress.yaml')).map(document => document.toJS())
  for (const document of documents) assert.ok(document.kind && document.metadata.namespace === 'auralink', JSON.stringify(document.metadata))
  const { spec } = documents.find(document => document.kind === 'StatefulSet').spec.template
  const [container] = spec.containers
  for (const { name } of container.env) assert.ok(variables.has(name), `${name} is no setting`)
  assert.deepEqual(container.ports.map((port: { containerPort: number }) => port.containerPort), ports)
  assert.equal(container.livenessProbe.httpGet.path, '/health')
  assert.equal(container.readinessProbe.httpGet.path, '/ready')
  const [, setting = ''] = container.args
  const [key, minutes] = setting.split('=')
  assert.ok(rowOf(fullKey(key)), `${key} is no setting`)
  assert.ok(spec.terminationGracePeriodSeconds > parseInt(minutes) * 60, 'the grace period outlasts the drain deadline')
  assert.equal(container.securityContext.readOnlyRootFilesystem, true)
})

test('Dockerfile: runs as nobody special, and copies only what there is', async () => {
  const text = await read('deploy/docker/Dockerfile')
  assert.match(text, /^USER 10001$/m)
  assert.match(text, /^ENTRYPOINT \["node", "--min-semi-space-size=8", "--max-semi-space-size=8", "src\/main\.js"\]$/m)
  for (const port of ports) assert.match(text, new RegExp(`^EXPOSE .*\\b${port}\\b`, 'm'))
  for (const [, sources = ''] of text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
    for (const source of sources.split(' ')) await assert.doesNotReject(import('node:fs/promises').then(fs => fs.stat(source)), source)
  }
})
