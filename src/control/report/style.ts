import { createHash } from 'node:crypto'

export const reportStyle = `:root{color-scheme:light dark;--ground:light-dark(#f4f6f8,#0c1017);--surface:light-dark(#fff,#141a24);--line:light-dark(#dce1e8,#273142);
--text:light-dark(#141b26,#e9edf4);--muted:light-dark(#566174,#9ba7ba);--one:light-dark(#0b7261,#4fd6bb);--two:light-dark(#8a5a00,#f2bd55);--three:light-dark(#c8222f,#ff6069)}
*{box-sizing:border-box}
body{max-width:860px;margin:0 auto;padding:32px 20px 48px;background:var(--ground);color:var(--text);font:15px/1.5 -apple-system,BlinkMacSystemFont,"Segoe UI",Inter,Roboto,"Noto Sans",sans-serif}
h1{margin:0;font-size:24px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{margin:32px 0 10px;font-size:17px}
p{margin:6px 0}
.lead,.none,dt,small{color:var(--muted)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(120px,1fr));gap:10px;margin:24px 0 0;padding:0}
.figures div,figure,table,.advice li{border:1px solid var(--line);border-radius:10px;background:var(--surface)}
.figures div{padding:10px 14px}
.figures dd{margin:0;font-size:20px;font-weight:650;font-variant-numeric:tabular-nums}
.figures dt{font-size:13px}
.figures small{display:block;font-size:12px;font-weight:400}
figure{margin:0 0 12px;padding:12px 14px 6px}
figcaption{font-weight:600;font-size:14px}
svg{display:block;width:100%;height:auto;margin-top:4px}
svg text{fill:var(--muted);font-size:11px}
.grid{stroke:var(--line)}
.line-1,.line-2,.line-3{fill:none;stroke-width:1.6;stroke-linejoin:round}
.line-1{stroke:var(--one)}.line-2{stroke:var(--two)}.line-3{stroke:var(--three)}
.dot-1,.area-1{fill:var(--one)}.dot-2,.area-2{fill:var(--two)}.dot-3,.area-3{fill:var(--three)}
.area-1,.area-2,.area-3{opacity:.14}
.key{margin-inline-start:14px;font-weight:400;color:var(--muted)}
.key::before{content:"";display:inline-block;width:14px;height:3px;margin-inline-end:5px;border-radius:2px;vertical-align:middle}
.key-1::before{background:var(--one)}.key-2::before{background:var(--two)}.key-3::before{background:var(--three)}
table{width:100%;border-collapse:separate;border-spacing:0;overflow:hidden}
th,td{padding:7px 14px;text-align:start;vertical-align:top;overflow-wrap:anywhere}
th{width:28%;font-weight:400;color:var(--muted)}
tr+tr>*{border-top:1px solid var(--line)}
.advice{margin:0;padding:0;list-style:none}
.advice li{margin-bottom:8px;padding:10px 14px;border-inline-start:4px solid var(--two)}
@media (max-width:600px){figure{overflow-x:auto}svg{min-width:560px}}
@media print{:root{color-scheme:light}body{max-width:none;padding:0;background:none;font-size:12px}figure,.figures div,tr,li{break-inside:avoid}h2{break-after:avoid}}
`

/** The page's own style and nothing else: no script, no image, no request to anywhere. */
export const reportPolicy =
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(reportStyle).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
