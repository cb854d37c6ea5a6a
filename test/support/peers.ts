import { existsSync } from 'node:fs'
import path from 'node:path'

const packages: Record<string, string> = {
  ffmpeg: 'ffmpeg', ffprobe: 'ffmpeg', 'gst-launch-1.0': 'gstreamer1.0-tools gstreamer1.0-plugins-{good,bad,ugly}', chromium: 'chromium',
  nginx: 'nginx-light libnginx-mod-rtmp', 'redis-server': 'redis-server', pg_ctlcluster: 'postgresql', turnserver: 'coturn'
}

/**
 * For the `skip` option of a test that talks to a real program. On a developer's machine a missing one skips the test, with
 * the line that brings it; with CI set nothing is skipped, so that the test fails.
 */
export function missing (...programs: string[]): string | false {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin']
  const absent = programs.filter(program => !folders.some(folder => existsSync(path.join(folder, program))))
  if (absent.length === 0 || process.env.CI) return false
  return `needs ${absent.join(', ')}: apt-get install ${absent.map(program => packages[program] ?? program).join(' ')}`
}
