-- Grain: one landed row of web_sessions that came, went or has to be made again since the build was made.
{{ changed_rows('web_sessions', built='int_web_sessions', day='session_date') }}
