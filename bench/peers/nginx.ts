import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort } from '../../test/support/service.ts'
import { Child } from '../harness/child.ts'
import type { RtmpPeer } from './peer.ts'

const NGINX = '/usr/sbin/nginx'
const MODULE = '/usr/lib/nginx/modules/ngx_rtmp_module.so'

/** Debian's nginx with its RTMP module, one worker: native code that moves the same bytes. */
export async function nginxRtmp (): Promise<RtmpPeer> {
  if (!existsSync(MODULE)) throw new Error('needs nginx with its RTMP module: apt-get install nginx-light libnginx-mod-rtmp')
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(path.join(tmpdir(), 'auralink-nginx-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const config = path.join(folder, 'nginx.conf')
  await writeFile(config, `
    load_module ${MODULE};
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    daemon off;
    worker_processes 1;
    pid ${folder}/nginx.pid;
    error_log stderr error;
    events { worker_connections 512; }
    rtmp { server { listen 127.0.0.1:${port}; chunk_size 4096; access_log off; application live { live on; } } }
  `)
  const child = stack.use(new Child('measured', [NGINX, '-p', folder, '-e', 'stderr', '-c', config]))
  const [, version = 'unknown'] = /nginx\/(\S+)/.exec(execFileSync('sh', ['-c', `${NGINX} -v 2>&1`], { encoding: 'utf8' })) ?? []
  const owned = stack.move()
  let destinations = 0
  return {
    name: 'nginx-rtmp', version, pid: child.pid,
    destination: async () => ({ url: `rtmp://127.0.0.1:${port}/live`, streamKey: `stream-${++destinations}` }),
    [Symbol.asyncDispose]: () => owned.disposeAsync()
  }
}
