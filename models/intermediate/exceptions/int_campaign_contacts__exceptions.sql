-- Grain: one landed row of campaign_contacts that is not used as it is, with the reason.
{{ contract_exceptions('campaign_contacts', references={'campaigns': ref('int_campaigns')}) }}
