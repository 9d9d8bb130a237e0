-- Grain: one landed content, at its path, that counts now and did not when the build was made, or the other way round.
-- Empty where everything is built anew.
{{ changed_since_built('select _file_id, file from ' ~ source('control', 'loads') ~ ' where is_current', built='int_built_loads',
                       columns=['_file_id', 'file']) }}
