-- Grain: one landed row of web_sessions that is not used as it is, with the reason.
{{ contract_exceptions('web_sessions') }}
