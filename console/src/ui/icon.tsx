/** Drawn on a 24 by 24 grid, stroked in the colour of the text. */
const strokes = {
  alert: 'M12 8.5v5M12 16.8v.1M10.3 4.2 2.9 17.4A2 2 0 0 0 4.6 20.4h14.8a2 2 0 0 0 1.7-3L13.7 4.2a2 2 0 0 0-3.4 0z',
  camera: 'M3.5 7h11v10h-11zM14.5 10.5l6-3v9l-6-3',
  cameraOff: 'M3.5 7h11v10h-11zM14.5 10.5l6-3v9l-6-3M3 3l18 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  chevron: 'M9 6l6 6-6 6',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h10v11H9zM15 9V4H5v11h4',
  download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14',
  events: 'M4 6h16M4 12h10M4 18h13',
  expand: 'M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 14.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6z',
  eyeOff: 'M4 4l16 16M9.6 5.8A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 0 1-2.6 3.4' +
    'M6 7.6A17 17 0 0 0 2.5 12S6 18.5 12 18.5a9 9 0 0 0 3.7-.8M9.9 9.9a3 3 0 0 0 4.2 4.2',
  leave: 'M14 5H6v14h8M11 12h10M17.5 8.5L21 12l-3.5 3.5',
  link: 'M10 14a4.2 4.2 0 0 0 6 0l3.4-3.4a4.2 4.2 0 0 0-6-6L12 6M14 10a4.2 4.2 0 0 0-6 0l-3.4 3.4a4.2 4.2 0 0 0 6 6L12 18',
  microphone: 'M12 4a2.8 2.8 0 0 1 2.8 2.8v4.4a2.8 2.8 0 0 1-5.6 0V6.8A2.8 2.8 0 0 1 12 4zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3',
  microphoneOff: 'M12 4a2.8 2.8 0 0 1 2.8 2.8v4.4a2.8 2.8 0 0 1-5.6 0V6.8A2.8 2.8 0 0 1 12 4zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3M3.5 3.5l17 17',
  people: 'M9 11a3.2 3.2 0 1 0 0-6.4A3.2 3.2 0 0 0 9 11zM3 19.5a6 6 0 0 1 12 0M16 5a3.2 3.2 0 0 1 0 6M17.5 14a6 6 0 0 1 3.5 5.5',
  plus: 'M12 5v14M5 12h14',
  rotate: 'M19.5 9A8 8 0 0 0 5 8.5M4.5 15A8 8 0 0 0 19 15.5M19.8 4.5V9h-4.5M4.2 19.5V15h4.5',
  screen: 'M3.5 5h17v11h-17zM9 20h6M12 16v4',
  settings: 'M4 7h9M17 7h3M15 5v4M4 17h3M11 17h9M9 15v4',
  sound: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11',
  soundOff: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5',
  trash: 'M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7M10 10.5v6M14 10.5v6'
} as const

const solids = {
  play: 'M7 4.8v14.4a.6.6 0 0 0 .9.5l11.6-7.2a.6.6 0 0 0 0-1L7.9 4.3a.6.6 0 0 0-.9.5z',
  record: 'M12 5.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13z',
  stop: 'M7.5 6h9A1.5 1.5 0 0 1 18 7.5v9a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 6 16.5v-9A1.5 1.5 0 0 1 7.5 6z'
} as const

export type IconName = keyof typeof strokes | keyof typeof solids

/** Decoration: whoever uses it says the same in words. */
export function Icon ({ name }: { name: IconName }) {
  const solid = name in solids
  const path = solid ? solids[name as keyof typeof solids] : strokes[name as keyof typeof strokes]
  return (
    <svg
      class='icon' viewBox='0 0 24 24' aria-hidden='true'
      fill={solid ? 'currentColor' : 'none'} stroke={solid ? 'none' : 'currentColor'}
    >
      <path d={path} />
    </svg>
  )
}
