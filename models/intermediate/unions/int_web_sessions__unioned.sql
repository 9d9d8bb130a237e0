-- Grain: one landed row of web_sessions, of any source system.
{{ union_sources('web_sessions') }}
