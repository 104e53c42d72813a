"""The look of everything shown in a notebook, carried along by each output: no script, no file, no network.

Hosts have rules of their own for tables and the like, so those that show are set here again.

Colours are mixed into whatever lies behind (few per cent of a hue), and text keeps the page's colour, so
one sheet serves light and dark pages. Only the card needs a ground of its own; it takes the host's
(Jupyter's, VS Code's, Material's variable), or the system's.

Origin is never told by colour alone: every origin has its underline.
"""

from constrained.observation import Origin

WORDS = {
    Origin.SAMPLED: "the model's own choice",
    Origin.CHANGED: "the mask changed the choice",
    Origin.FORCED: "forced by the grammar",
    Origin.STEERED: "steered by the budget",
}

SHEET = """
.cmlx{--ground:var(--jp-layout-color0,var(--vscode-editor-background,var(--md-default-bg-color,Canvas)));
--soft:rgba(128,128,128,.14);--line:rgba(128,128,128,.38);--blue:59,130,246;--amber:232,120,12;--violet:168,85,247;
--green:34,160,84;--red:224,62,62;font:14px/1.5 system-ui,sans-serif;color:inherit;margin:.5em 0;max-width:70em}
.cmlx code,.cmlx .mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px;background:none;
padding:0;color:inherit;border:0}
.cmlx h4{font-size:14px;margin:.9em 0 .3em;font-weight:600}
.cmlx .dim{opacity:.68}
.cmlx .facts{display:flex;flex-wrap:wrap;gap:.2em 1.4em;margin:.3em 0}
.cmlx .facts b{font-weight:600;font-variant-numeric:tabular-nums}
.cmlx .tok{border-radius:3px;padding:1px 0;margin-right:1.5px}
.cmlx .chip{display:inline-block;border-radius:4px;background:var(--soft);margin:1px;padding:0 5px}
.cmlx .control{background:rgba(var(--violet),.2)}
.cmlx .text{white-space:pre-wrap;overflow-wrap:anywhere;line-height:2;
font:13.5px/2 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.cmlx .tok{cursor:default;box-decoration-break:clone;-webkit-box-decoration-break:clone}
.cmlx .sampled{background:rgba(var(--blue),.16);border-bottom:2px solid rgb(var(--blue))}
.cmlx .changed{background:rgba(var(--amber),.22);border-bottom:4px double rgb(var(--amber))}
.cmlx .forced{background:var(--soft);border-bottom:2px dotted rgba(128,128,128,.8)}
.cmlx .steered{background:rgba(var(--violet),.2);border-bottom:2px dashed rgb(var(--violet))}
.cmlx .name{opacity:.68;font-size:.86em}
.cmlx .tok:hover,.cmlx .tok:focus{outline:2px solid currentColor;outline-offset:1px}
.cmlx .watched{position:relative;padding-bottom:15.5em}
.cmlx .card{position:absolute;left:0;right:0;bottom:0;height:14.6em;box-sizing:border-box;padding:.5em .8em;
border:1px solid var(--line);border-radius:8px;white-space:normal;overflow:auto;font:13px/1.45 system-ui,sans-serif}
.cmlx .card{visibility:hidden;background:var(--ground);z-index:1}
.cmlx .tok.first>.card{visibility:visible}
.cmlx .tok:focus>.card{visibility:visible;z-index:2}
.cmlx .tok:hover>.card{visibility:visible;z-index:3}
.cmlx table{border-collapse:collapse;margin:.3em 0;font-size:13px;font-variant-numeric:tabular-nums;color:inherit}
.cmlx th,.cmlx td{text-align:left;padding:1px 10px 1px 0;border:0;background:none;vertical-align:top;
font-weight:inherit;white-space:nowrap}
.cmlx th{font-weight:600;opacity:.68}
.cmlx table.plain :is(tr,td,th){text-align:left;background:none}
.cmlx table.plain td.number{text-align:right}
.cmlx td.number{text-align:right}
.cmlx .bar{display:inline-block;height:.72em;border-radius:2px;background:rgba(128,128,128,.55);margin-right:.4em}
.cmlx .bar.after{background:rgb(var(--blue))}
.cmlx .out{text-decoration:line-through;text-decoration-color:rgb(var(--red));opacity:.75}
.cmlx details{margin:.3em 0;padding:0;border:0;background:none;box-shadow:none;font-size:inherit;overflow:visible}
.cmlx summary{cursor:pointer;margin:0;padding:0;border:0;background:none;font-weight:inherit;min-height:0;
display:list-item;list-style:disclosure-closed inside}
.cmlx details[open]>summary{list-style-type:disclosure-open}
.cmlx summary::before,.cmlx summary::after{content:none}
.cmlx .scroll{overflow-x:auto}
.cmlx ul.tree,.cmlx ul.tree ul{list-style:none;margin:0;padding-left:1.2em}
.cmlx ul.tree{padding-left:0}
.cmlx ul.tree li{margin:.1em 0;display:block}
.cmlx .verdict{border-radius:9px;padding:0 .6em;font-size:12px;background:var(--soft);margin:0 .5em}
.cmlx .verdict.enforced{background:rgba(var(--green),.2)}
.cmlx .verdict.refused{background:rgba(var(--red),.24)}
.cmlx .verdict.unreachable{background:rgba(var(--amber),.2)}
""".strip()


def page(body: str) -> str:
    """One output: the sheet, and `body` in its scope."""
    return f'<div class="cmlx"><style>{SHEET}</style>{body}</div>'
