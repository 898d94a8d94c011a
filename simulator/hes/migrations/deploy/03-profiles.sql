-- SPDX-License-Identifier: MIT
-- Deploy meterfleet-hes:03-profiles to pg

BEGIN;

CREATE TABLE hes.instant_profile (
    meter_id              uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    obis_code_id          integer REFERENCES hes.obis_codes,
    timestamp             timestamptz NOT NULL,
    rtc_timestamp         timestamp,
    voltage_r             numeric(10,2),
    voltage_y             numeric(10,2),
    voltage_b             numeric(10,2),
    current_r             numeric(10,3),
    current_y             numeric(10,3),
    current_b             numeric(10,3),
    active_power_r        numeric(10,3),
    active_power_y        numeric(10,3),
    active_power_b        numeric(10,3),
    power_factor_r        numeric(5,3),
    power_factor_y        numeric(5,3),
    power_factor_b        numeric(5,3),
    frequency             numeric(5,2),
    source                varchar(20) NOT NULL DEFAULT 'NORMAL_READ',
    communication_status  varchar(20) NOT NULL DEFAULT 'SUCCESS',
    created_at            timestamptz NOT NULL DEFAULT now(),
    inserted_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, timestamp)
);
CREATE INDEX instant_profile_timestamp ON hes.instant_profile (timestamp DESC);
CREATE INDEX instant_profile_obis_code ON hes.instant_profile (obis_code_id);

CREATE TABLE hes.block_load_profile (
    meter_id                uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    obis_code_id            integer REFERENCES hes.obis_codes,
    capture_time            timestamptz NOT NULL,      -- end of the block
    rtc_timestamp           timestamp,
    kwh_import              numeric(18,3),
    kwh_export              numeric(18,3),
    kvah_import             numeric(18,3),
    kvah_export             numeric(18,3),
    average_current_r       numeric(10,3),
    average_current_y       numeric(10,3),
    average_current_b       numeric(10,3),
    average_voltage_r       numeric(10,2),
    average_voltage_y       numeric(10,2),
    average_voltage_b       numeric(10,2),
    block_interval_minutes  integer CHECK (block_interval_minutes IN (1, 5, 10, 15, 20, 30, 60)),
    status_word             varchar(32),
    source                  varchar(20) NOT NULL DEFAULT 'NORMAL_READ',
    communication_status    varchar(20) NOT NULL DEFAULT 'SUCCESS',
    created_at              timestamptz NOT NULL DEFAULT now(),
    inserted_at             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, capture_time)
);
CREATE INDEX block_load_profile_capture_time ON hes.block_load_profile (capture_time DESC);
CREATE INDEX block_load_profile_obis_code ON hes.block_load_profile (obis_code_id);

CREATE TABLE hes.daily_load_profile (
    meter_id                uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    obis_code_id            integer REFERENCES hes.obis_codes,
    capture_date            date NOT NULL,             -- the midnight after the day, in the meter's own calendar
    rtc_timestamp           timestamp,
    cumulative_kwh_import   numeric(18,3),
    cumulative_kwh_export   numeric(18,3),
    cumulative_kvah_import  numeric(18,3),
    cumulative_kvah_export  numeric(18,3),
    daily_kwh_import        numeric(18,3),
    daily_kwh_export        numeric(18,3),
    daily_kvah_import       numeric(18,3),
    daily_kvah_export       numeric(18,3),
    max_demand_kw           numeric(10,3),
    max_demand_time         timestamptz,
    power_factor            numeric(5,3),
    source                  varchar(20) NOT NULL DEFAULT 'NORMAL_READ',
    communication_status    varchar(20) NOT NULL DEFAULT 'SUCCESS',
    created_at              timestamptz NOT NULL DEFAULT now(),
    inserted_at             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, capture_date)
);
CREATE INDEX daily_load_profile_capture_date ON hes.daily_load_profile (capture_date DESC);
CREATE INDEX daily_load_profile_obis_code ON hes.daily_load_profile (obis_code_id);

CREATE TABLE hes.billing_profile (
    meter_id                uuid NOT NULL REFERENCES public.meters ON DELETE CASCADE,
    obis_code_id            integer REFERENCES hes.obis_codes,
    billing_date            date NOT NULL,
    reset_count             integer NOT NULL DEFAULT 0,
    rtc_timestamp           timestamp,
    cumulative_kwh_import   numeric(18,3),
    cumulative_kwh_export   numeric(18,3),
    cumulative_kvah_import  numeric(18,3),
    cumulative_kvah_export  numeric(18,3),
    monthly_kwh_import      numeric(18,3),
    monthly_kwh_export      numeric(18,3),
    monthly_kvah_import     numeric(18,3),
    monthly_kvah_export     numeric(18,3),
    max_demand_kw           numeric(10,3),
    max_demand_date         timestamptz,
    power_factor            numeric(5,3),
    billing_status_word     varchar(32),
    source                  varchar(20) NOT NULL DEFAULT 'NORMAL_READ',
    communication_status    varchar(20) NOT NULL DEFAULT 'SUCCESS',
    created_at              timestamptz NOT NULL DEFAULT now(),
    inserted_at             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, billing_date, reset_count)
);
CREATE INDEX billing_profile_billing_date ON hes.billing_profile (billing_date DESC);
CREATE INDEX billing_profile_obis_code ON hes.billing_profile (obis_code_id);

DO $$
DECLARE profile text;
BEGIN
    FOREACH profile IN ARRAY ARRAY['instant_profile', 'block_load_profile', 'daily_load_profile', 'billing_profile'] LOOP
        EXECUTE format('ALTER TABLE hes.%1$I ADD CONSTRAINT %1$s_source_check CHECK (source IN '
                       '(''NORMAL_READ'', ''AUTO_READ'', ''MANUAL_READ'', ''ESTIMATED'', ''CALCULATED'', ''HES_SIMULATOR'')), '
                       'ADD CONSTRAINT %1$s_communication_status_check CHECK (communication_status IN '
                       '(''SUCCESS'', ''TIMEOUT'', ''ERROR'', ''PARTIAL''))', profile);
    END LOOP;
END $$;

INSERT INTO hes.schema_version (version) VALUES (3);

COMMIT;
