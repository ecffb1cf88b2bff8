/** How the page looks: by day, by night, on a phone, on paper. Colours are those of Okabe and Ito. */

/** What is drawn is told apart by colour, and by pattern, dashes or place besides. */
const COLOURS = `
:root{color-scheme:light dark;--ground:#fff;--raised:#f6f7f9;--ink:#1a1d21;--soft:#565d66;--rule:#d8dce1;
--grid:#0000001a;--step0:#0000;--step1:#0000000b;--pass:#00694c;--miss:#a83e00;--stop:#5d4a00;--track:#e4e7eb;
--p99:#c06c00;--p50:#0072b2;--line:#005a8d;--hatch:#000c;--weave:#0007;--fault:#7a2c00}
@media (prefers-color-scheme:dark){:root{--ground:#14171a;--raised:#1d2125;--ink:#e9ecef;--soft:#a5adb6;--rule:#363c43;
--grid:#ffffff1f;--step0:#0000;--step1:#ffffff0d;--pass:#3ecf9f;--miss:#ff9a5c;--stop:#e8cf55;--track:#2a2f35;
--p99:#f0a830;--p50:#56b4e9;--line:#7cc4ef;--hatch:#fffc;--weave:#0009;--fault:#ffb48a}}`

const PAGE = `
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
main{max-width:1128px;margin:0 auto;padding:24px 24px 48px}
h1{font-size:28px;line-height:1.2;margin:0 0 4px}
h2{font-size:19px;margin:36px 0 10px}
p{margin:0 0 10px;max-width:75ch}
.kind{color:var(--soft);font-size:14px;margin:0 0 4px}
.verdict{display:flex;gap:18px;align-items:flex-start;border:2px solid;border-radius:10px;padding:16px 20px;margin:18px 0;background:var(--raised)}
.verdict svg{flex:none;width:52px;height:52px}
.verdict .word{font-size:26px;font-weight:700;line-height:1.15;margin:0}
.verdict p,.verdict ul{color:var(--ink);margin:4px 0 0}
.verdict ul{padding-left:20px}
.passed{border-color:var(--pass)}.passed .word{color:var(--pass)}.passed .shape{fill:var(--pass)}
.missed{border-color:var(--miss)}.missed .word{color:var(--miss)}.missed .shape{fill:var(--miss)}
.interrupted{border-color:var(--stop)}.interrupted .word{color:var(--stop)}.interrupted .shape{fill:var(--stop)}
.sign{stroke:var(--ground);stroke-width:5;fill:none;stroke-linecap:round;stroke-linejoin:round}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:10px;margin:0 0 20px}
.tiles div{border:1px solid var(--rule);border-radius:8px;padding:10px 14px}
.tiles dt{font-size:13px;color:var(--soft);line-height:1.3}
.tiles dd{margin:0;font-size:22px;font-weight:600;font-variant-numeric:tabular-nums;line-height:1.35}
.tiles .bound{font-size:13px;font-weight:400;color:var(--soft)}
.tiles .bad{border:2px solid var(--miss)}
.story{padding-left:20px;margin:0;max-width:80ch}
.scroll{overflow-x:auto}
.drawing{border:1px solid var(--rule);border-radius:8px;padding:8px 10px 4px}
.drawing svg{display:block;width:100%;min-width:860px;height:auto}
.hint{color:var(--soft);font-size:14px;margin:8px 0 0}
.acts{padding:0;margin:14px 0 0;list-style:none;columns:2 380px;column-gap:32px}
.acts li{break-inside:avoid;padding:3px 0 3px 38px;position:relative}
.acts .n{position:absolute;left:0;top:5px;min-width:26px;border-radius:10px;padding:0 6px;text-align:center;font-size:12px;line-height:19px;background:var(--fault);color:var(--ground);font-weight:600}
.acts .at{color:var(--soft);font-variant-numeric:tabular-nums}
.failed{color:var(--miss);font-weight:600}
table{border-collapse:collapse;width:100%;font-size:15px}
caption{text-align:left;color:var(--soft);font-size:14px;padding:0 0 6px}
th,td{text-align:left;vertical-align:top;padding:6px 14px 6px 0;border-bottom:1px solid var(--rule)}
thead th{font-size:13px;color:var(--soft);font-weight:600;border-bottom-width:2px;white-space:nowrap}
tbody th{font-weight:400;min-width:105px}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.time{white-space:nowrap;font-variant-numeric:tabular-nums}
tr.bad th,tr.bad td{color:var(--miss);font-weight:600}
.whole th,.whole td{font-weight:600;border-top:2px solid var(--rule)}
code{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
footer{margin-top:40px;border-top:1px solid var(--rule);padding-top:10px;color:var(--soft);font-size:14px}
@media (max-width:640px){main{padding:16px 14px 32px}h1{font-size:23px}.verdict{padding:12px 14px;gap:12px}.verdict svg{width:40px;height:40px}.verdict .word{font-size:21px}.tiles{grid-template-columns:1fr 1fr}.scroll table{min-width:620px}}`

const DRAWING = `
svg text{font:11px system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--soft)}
svg .head{font-size:12px;font-weight:600;fill:var(--ink)}svg .step,svg .broker{font-weight:600;fill:var(--ink)}
svg .owner{font-size:10px}svg .head,svg .key,svg .broker{paint-order:stroke;stroke:var(--ground);stroke-width:3px;stroke-linejoin:round}
svg rect,.f-ok,.f-home,.f-away,.f-not-executed,.f-executed,.f-unknown{shape-rendering:crispEdges}svg .pill,.verdict rect{shape-rendering:auto}
.grid{stroke:var(--grid);stroke-width:1}
.step0{fill:var(--step0)}.step1{fill:var(--step1)}
.fault{stroke:var(--fault);stroke-width:1.2;stroke-dasharray:4 3}
.lasting{fill:var(--fault);opacity:.45}
.pill{fill:var(--fault)}svg .pill-text{fill:var(--ground);font-weight:700}
.line-ok,.line-p50,.line-p99{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.line-ok{stroke:var(--line)}.line-p99{stroke:var(--p99)}.line-p50{stroke:var(--p50);stroke-dasharray:5 3.5}
.f-ok,.f-home{fill:#009e73;fill-opacity:.6}.f-not-executed{fill:#56b4e9}.f-executed{fill:#e69f00}.f-unknown{fill:#d55e00}.f-away{fill:#cc79a7}
.f-none{fill:var(--track)}.f-closed{fill:url(#shut);stroke:var(--soft);stroke-width:.5}.f-busy{fill:var(--soft)}
.f-orphan{fill:none;stroke:var(--soft);stroke-dasharray:2 2}
.hatch{stroke:var(--hatch);stroke-width:1.3}.weave{stroke:var(--weave);stroke-width:1.2}
.o0{fill:#0072b2}.o1{fill:#e69f00}.o2{fill:#009e73}.o3{fill:#cc79a7}.o4{fill:#56b4e9}.o5{fill:#d55e00}.o6{fill:#f0e442}.o7{fill:#999}
svg .t0,svg .t2{fill:#fff}svg .t1,svg .t3,svg .t4,svg .t5,svg .t6,svg .t7{fill:#000}
.shut{opacity:.5}
.told{fill:#0000}.told:hover{fill:var(--grid)}`

/** Paper is white whatever the screen was. */
const PAPER = `
@media print{:root{color-scheme:light;--ground:#fff;--raised:#fff;--ink:#000;--soft:#444;--rule:#bbb;--grid:#0002;--step1:#0000000d;
--pass:#00694c;--miss:#a83e00;--stop:#5d4a00;--track:#e4e7eb;--p99:#c06c00;--p50:#0072b2;--line:#005a8d;--hatch:#000c;--weave:#0007;--fault:#7a2c00}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{font-size:11pt}main{max-width:none;padding:0}.scroll{overflow:visible}.drawing svg{min-width:0}
.verdict,.tiles div,tr,.drawing{break-inside:avoid}h2{break-after:avoid}table{font-size:9.5pt}}`

export const STYLE = COLOURS + PAGE + DRAWING + PAPER
