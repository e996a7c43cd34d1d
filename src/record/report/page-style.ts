/** Colours that keep apart for colour-blind eyes (after Okabe and Ito), on light and on dark. */
export const COLOURS = {
  seen: '#0072b2',
  lost: '#8c8c8c',
  blind: '#e69f00',
  low: '#56b4e9',
  medium: '#e69f00',
  high: '#d55e00',
  critical: '#b3003c',
} as const;

export const STYLE = `:root{color-scheme:light dark;--ink:#1b2329;--paper:#fff;--line:#d5dbe0;--soft:#f3f6f8;--dim:#55626b}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebef;--paper:#12181d;--line:#323c44;--soft:#1b242b;--dim:#a3b0ba}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1080px;margin:2rem auto;padding:0 1.2rem}
h1{margin:0;font-size:1.7rem}h2{margin:2.2rem 0 .6rem;border-bottom:2px solid var(--line);padding-bottom:.2rem}
p.lead{color:var(--dim);margin:.2rem 0 1rem}.notice{border-left:4px solid ${COLOURS.blind};background:var(--soft);padding:.6rem .9rem}
.bad{border-left:4px solid ${COLOURS.critical};background:var(--soft);padding:.6rem .9rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.4rem 0}dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
.scroll{overflow-x:auto}.numbers{display:flex;flex-wrap:wrap;gap:.8rem}.numbers div{background:var(--soft);border-radius:6px;padding:.5rem .9rem;min-width:7rem}
.numbers b{display:block;font-size:1.5rem}.numbers small{display:block;color:var(--dim)}article.rejected img{opacity:.55}article{display:flex;flex-wrap:wrap;gap:1.2rem;border:1px solid var(--line);border-left-width:6px;border-radius:6px;padding:1rem;margin:0 0 1rem;break-inside:avoid}
article>div{flex:1 1 20rem}article h3{margin:0 0 .3rem}article img{width:min(100%,26rem);height:auto;align-self:flex-start;border-radius:4px}
code{font-size:.85em;overflow-wrap:anywhere}svg{width:100%;height:auto}.key span{display:inline-block;margin-right:1rem}.key i{display:inline-block;width:.9em;height:.9em;margin-right:.35em;border-radius:2px;vertical-align:-.1em}
@media print{body{max-width:none;margin:0}}`;
