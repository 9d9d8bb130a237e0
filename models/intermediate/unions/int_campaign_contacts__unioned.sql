-- Grain: one landed row of campaign_contacts, of any source system.
{{ union_sources('campaign_contacts') }}
