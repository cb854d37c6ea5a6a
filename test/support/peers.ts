import { existsSync } from 'node:fs'
import path from 'node:path'

/** What is not a program: the file that is there where it is installed. */
const modules: Record<string, string> = {
  aiortc: '/usr/lib/python3/dist-packages/aiortc/__init__.py', webrtcbin: '/usr/lib/python3/dist-packages/gi/overrides/Gst.py'
}
const packages: Record<string, string> = {
  ffmpeg: 'ffmpeg', ffprobe: 'ffmpeg', 'gst-launch-1.0': 'gstreamer1.0-tools gstreamer1.0-plugins-{good,bad,ugly}', chromium: 'chromium',
  nginx: 'nginx-light libnginx-mod-rtmp', 'redis-server': 'redis-server', pg_ctlcluster: 'postgresql', turnserver: 'coturn',
  janus: 'janus', 'whip-client': 'simple-whip-client', tcc: 'tcc', aiortc: 'python3-aiortc', webrtcbin: 'python3-gst-1.0 python3-numpy gir1.2-gst-plugins-{bad,base}-1.0 gstreamer1.0-nice'
}

/**
 * For the `skip` option of a test that talks to a real program. On a developer's machine a missing one skips the test, with
 * the line that brings it; with CI set nothing is skipped, so that the test fails.
 */
export function missing (...programs: string[]): string | false {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin']
  const placesOf = (program: string): string[] => modules[program] === undefined ? folders.map(folder => path.join(folder, program)) : [modules[program]]
  const absent = programs.filter(program => !placesOf(program).some(existsSync))
  if (absent.length === 0 || process.env.CI) return false
  return `needs ${absent.join(', ')}: apt-get install ${absent.map(program => packages[program] ?? program).join(' ')}`
}
