-- Grain: one landed row of web_sessions that came, went or is made of something else since the build was made.
{{ changed_rows('web_sessions', built='int_web_sessions') }}
