/** Two sides, one conversation. */
export const Logo = () => (
  <svg class='logo' viewBox='0 0 32 32' aria-hidden='true'>
    <rect width='32' height='32' rx='8' />
    <g>
      <path d='M10.2 21.8a8.2 8.2 0 0 1 0-11.6' />
      <path d='M21.8 10.2a8.2 8.2 0 0 1 0 11.6' />
    </g>
    <circle cx='16' cy='16' r='3.4' />
  </svg>
)
